"""Sign-in by OpenID Connect with a real provider, and with providers that are down or lie."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

import sql
from admin_client import AdminClient
from browser_client import BrowserClient, FetchedPage, FormParser, page_text
from openid_service import CALLBACK_PATH, issuer, openid_server, running_openid_service
from ops.doctor import Finding, run_diagnostics
from running_service import RunningService, running_service

__all__ = ["issuer", "openid_server"]  # the fixtures
pytestmark = pytest.mark.one_server
BEGIN = "/admin/sign-in/openid?lang=en&next=/admin/campaigns"
COOKIE = "like_ledger_session"
FUND = "/admin/do/campaign.fund/rural-education"


@pytest.fixture
async def visitor(openid_server: RunningService) -> AsyncIterator[BrowserClient]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield BrowserClient(openid_server, http)


async def log_in_at_provider(visitor: BrowserClient, name: str, address: str = BEGIN) -> str:
    """Log in at the provider; return the callback URL it sends the browser to, unvisited."""
    async with visitor.http.get(visitor.url + address) as login:
        assert login.url.path == "/login", await login.text()
        form, login_url = FormParser(await login.text()).forms[0], login.url
    fields = {k: v for k, v in form.items() if k != "action"} | {"username": name, "password": name}
    async with visitor.http.post(login_url, data=fields, allow_redirects=False) as response:
        assert response.status == 302, await response.text()
        next_url = login_url.join(URL(response.headers["Location"]))
    async with visitor.http.get(next_url, allow_redirects=False) as response:
        assert response.status == 302
        return response.headers["Location"].removeprefix(visitor.url)


async def sign_in_by_openid(visitor: BrowserClient, name: str) -> FetchedPage:
    return await visitor.read(await log_in_at_provider(visitor, name))


async def fetch_rows(openid_server: RunningService, text: str) -> list[Any]:
    return [tuple(row) for row in await openid_server.service.pool.fetch(text)]


async def test_a_person_is_signed_in_with_the_providers_role(
    openid_server: RunningService, visitor: BrowserClient
) -> None:
    page = await visitor.read("/admin/sign-in?lang=en&next=/admin/campaigns")
    assert BEGIN.replace("&", "&amp;").replace("lang=en&amp;next=/admin/campaigns", "") in page.text
    page = await sign_in_by_openid(visitor, "ida")
    assert (page.status, page_text(page).count("Hello, ida")) == (200, 1)
    assert 'content="0; url=/admin/campaigns?lang=en"' in page.text
    assert "ida finance" in page_text(await visitor.read("/admin/campaigns?lang=en"))
    assert await fetch_rows(openid_server, "SELECT name, role, token_digest FROM sessions") == [
        ("ida", "finance", None)
    ]
    result = await visitor.submit_form(FUND, amount_minor="1", reference="x")
    assert result.status == 200
    assert await fetch_rows(openid_server, "SELECT by, role, entry_point FROM audit_log") == [
        ("ida", "finance", "page")
    ]


async def test_a_callback_is_valid_once_and_for_one_browser(
    openid_server: RunningService, visitor: BrowserClient
) -> None:
    callback = await log_in_at_provider(visitor, "ida")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        other = await BrowserClient(openid_server, http).read(callback, **{"Accept-Language": "en"})
        assert other.status == 401
        assert "start again" in page_text(other)
    assert (await visitor.read(callback)).status == 200
    assert (await visitor.read(callback)).status == 401, "the attempt's cookie is gone"
    assert await fetch_rows(openid_server, "SELECT count(*) FROM sessions") == [(1,)]


async def test_a_new_sign_in_ends_the_previous_session(openid_server: RunningService, visitor: BrowserClient) -> None:
    await visitor.sign_in("fay")
    await sign_in_by_openid(visitor, "ida")
    sessions = "SELECT name, ended_at IS NULL FROM sessions ORDER BY name"
    assert await fetch_rows(openid_server, sessions) == [("fay", False), ("ida", True)]


@pytest.mark.parametrize(
    ("name", "message"),
    [("nobody", "nobody has no role here"), ("two", "two has several roles"), ("admin", "sent no usable name")],
)
async def test_a_person_without_a_single_role_is_refused(
    openid_server: RunningService, visitor: BrowserClient, name: str, message: str
) -> None:
    page = await sign_in_by_openid(visitor, name)
    assert (page.status, message in page_text(page), "token" in page.forms[0]) == (403, True, True)
    assert await fetch_rows(openid_server, "SELECT count(*) FROM sessions") == [(0,)]


async def test_nobody_approves_their_own_proposal_with_a_token(
    openid_server: RunningService, visitor: BrowserClient
) -> None:
    await sign_in_by_openid(visitor, "fay")
    await visitor.submit_form(FUND, amount_minor="1", reference="x")
    [(proposal,)] = await fetch_rows(openid_server, "SELECT proposal_id FROM proposals")
    status, refused = await AdminClient(openid_server, "fay").approve(proposal)
    assert status == 409
    assert "another person" in refused["detail"]
    assert (await AdminClient(openid_server, "fred").approve(proposal))[0] == 200


async def test_an_owner_sees_who_is_signed_in_and_ends_it(
    openid_server: RunningService, visitor: BrowserClient
) -> None:
    await sign_in_by_openid(visitor, "ida")
    al, olga = AdminClient(openid_server, "al"), AdminClient(openid_server, "olga")
    _, listed = await al.read("/sessions")
    [row] = listed["sessions"]
    assert (row["name"], row["role"], row["sessions"], row["sessions_by_openid"]) == ("ida", "finance", 1, 1)
    assert (await al.run_command("/sessions/ida/end"))[0] == 403
    assert (await olga.run_command("/sessions/ida/end"))[0] == 200
    assert (await visitor.read("/admin/campaigns")).url.startswith("/admin/sign-in")
    assert (await olga.run_command("/sessions/ida/end"))[0] == 404
    assert (await al.read("/sessions"))[1]["sessions"] == []


# --- broken providers ---

TOO_MUCH = b'{"issuer": "' + b"x" * (300 * 1024)


async def answer_falsely(request: web.Request) -> web.Response:
    """Answer with the metadata that the path's first folder names."""
    kind, server = request.match_info["kind"], f"http://{request.host}"
    issuer = f"{server}/{kind}"
    metadata = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/keys",
    }
    answers: dict[str, web.Response] = {
        "broken": web.Response(status=500),
        "elsewhere": web.Response(
            status=302, headers={"Location": f"{server}/good/.well-known/openid-configuration"}
        ),
        "much": web.Response(body=TOO_MUCH),
        "no-json": web.Response(text="<html>"),
        "a-list": web.json_response([metadata]),
        "another": web.json_response(metadata | {"issuer": f"{server}/good"}),
        "half": web.json_response({"issuer": issuer}),
        "in-clear": web.json_response(metadata | {"token_endpoint": "http://id.example.org/token"}),
    }
    return answers[kind]


@pytest.fixture
async def liar() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{kind}/.well-known/openid-configuration", answer_falsely)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


KINDS = {
    "broken": 503,
    "elsewhere": 401,
    "much": 401,
    "no-json": 401,
    "a-list": 401,
    "another": 401,
    "half": 401,
    "in-clear": 401,
}


async def test_a_broken_provider_signs_nobody_in(dsn: str, liar: str) -> None:
    async with running_openid_service(dsn, "http://127.0.0.1:1/o") as openid_server:
        openid = openid_server.service.openid
        assert openid is not None
        unavailable = await openid_server.get("/admin/sign-in/openid?lang=en")
        assert (unavailable.status, unavailable.headers["Retry-After"], "set-cookie" in unavailable.headers) == (
            503,
            "60",
            False,
        )
        assert "cannot be reached" in unavailable.body.decode()
        for kind, status in KINDS.items():
            object.__setattr__(openid.client, "issuer", f"{liar}/{kind}")
            assert (await openid_server.get("/admin/sign-in/openid?lang=en")).status == status, kind


async def test_without_a_provider_the_routes_do_not_exist(dsn: str) -> None:
    async with running_service(dsn) as openid_server:
        for path in ("/admin/sign-in/openid", CALLBACK_PATH):
            assert (await openid_server.get(path)).status == 404
        page = (await openid_server.get("/admin/sign-in?lang=en")).body.decode()
        assert "openid" not in page


async def test_forged_callbacks_count_as_failures(openid_server: RunningService) -> None:
    forged = {"Cookie": "like_ledger_openid=state.nonce.verifier.en.%2Fadmin"}
    statuses = [
        (await openid_server.get(f"{CALLBACK_PATH}?state=state&code=made-up", **forged)).status for _ in range(12)
    ]
    assert statuses == [401] * 10 + [429] * 2
    assert (await openid_server.get("/admin/sign-in/openid")).status == 429


async def test_the_doctor_reports_the_provider(
    openid_server: RunningService, issuer: str, owner: sql.Connection
) -> None:
    async def openid_finding(issuer: str) -> Finding:
        settings = openid_server.service.settings.model_copy(update={"openid_issuer": issuer})
        return [finding async for finding in run_diagnostics(owner, settings)][-1]

    available = await openid_finding(issuer)
    assert (available.check, available.is_ok, available.state) == (
        "OpenID provider",
        True,
        f"{URL(issuer).authority} answers",
    )
    unavailable = await openid_finding("http://127.0.0.1:1/o")
    assert (unavailable.is_ok, "ClientConnectorError" in unavailable.state, "OPENID_ISSUER" in unavailable.fix) == (
        False,
        True,
        True,
    )
