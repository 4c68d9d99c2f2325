"""Signing in by OpenID Connect: against a real provider, and against ones that are away, lie or talk too much."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

import sql
from clerks import AdminClient
from openid_serving import CALLBACK_PATH, issuer, openid_server, running_openid_service
from ops.doctor import Finding, run_diagnostics
from serving import RunningService, running_service
from visitors import BrowserClient, FetchedPage, FormParser, page_text

__all__ = ["issuer", "openid_server"]  # the fixtures
pytestmark = pytest.mark.one_server
BEGIN = "/admin/sign-in/openid?lang=en&next=/admin/campaigns"
COOKIE = "like_ledger_session"
FUND = "/admin/do/campaign.fund/rural-education"


@pytest.fixture
async def visitor(openid_server: RunningService) -> AsyncIterator[BrowserClient]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield BrowserClient(openid_server, http)


async def at_the_provider(visitor: BrowserClient, name: str, address: str = BEGIN) -> str:
    """Go to the provider, log in there, and return where it sends the browser: not gone there yet."""
    async with visitor.http.get(visitor.url + address) as login:
        assert login.url.path == "/login", await login.text()
        form, here = FormParser(await login.text()).forms[0], login.url
    own = {k: v for k, v in form.items() if k != "action"} | {"username": name, "password": name}
    async with visitor.http.post(here, data=own, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        on = here.join(URL(answer.headers["Location"]))
    async with visitor.http.get(on, allow_redirects=False) as answer:
        assert answer.status == 302
        return answer.headers["Location"].removeprefix(visitor.url)


async def signs_in(visitor: BrowserClient, name: str) -> FetchedPage:
    return await visitor.read(await at_the_provider(visitor, name))


async def rows(openid_server: RunningService, text: str) -> list[Any]:
    return [tuple(row) for row in await openid_server.service.pool.fetch(text)]


async def test_who_the_provider_knows_is_signed_in_with_their_role(
    openid_server: RunningService, visitor: BrowserClient
) -> None:
    page = await visitor.read("/admin/sign-in?lang=en&next=/admin/campaigns")
    assert BEGIN.replace("&", "&amp;").replace("lang=en&amp;next=/admin/campaigns", "") in page.text
    page = await signs_in(visitor, "ida")
    assert (page.status, page_text(page).count("Hello, ida")) == (200, 1)
    assert 'content="0; url=/admin/campaigns?lang=en"' in page.text
    assert "ida finance" in page_text(await visitor.read("/admin/campaigns?lang=en"))
    assert await rows(openid_server, "SELECT name, role, token_digest FROM sessions") == [("ida", "finance", None)]
    asked = await visitor.submit_form(FUND, amount_minor="1", reference="x")
    assert asked.status == 200
    assert await rows(openid_server, "SELECT by, role, entry_point FROM audit_log") == [("ida", "finance", "page")]


async def test_a_way_back_is_for_one_browser_and_once(openid_server: RunningService, visitor: BrowserClient) -> None:
    way = await at_the_provider(visitor, "ida")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        other = await BrowserClient(openid_server, http).read(way, **{"Accept-Language": "en"})
        assert other.status == 401
        assert "begin again" in page_text(other)
    assert (await visitor.read(way)).status == 200
    assert (await visitor.read(way)).status == 401, "the attempt's cookie is gone"
    assert await rows(openid_server, "SELECT count(*) FROM sessions") == [(1,)]


async def test_a_session_before_it_ends(openid_server: RunningService, visitor: BrowserClient) -> None:
    await visitor.sign_in("fay")
    await signs_in(visitor, "ida")
    own = "SELECT name, ended_at IS NULL FROM sessions ORDER BY name"
    assert await rows(openid_server, own) == [("fay", False), ("ida", True)]


@pytest.mark.parametrize(
    ("name", "says"),
    [("nobody", "nobody has no role here"), ("two", "two has several roles"), ("admin", "tells no usable name")],
)
async def test_who_has_no_place_here_is_told_so(
    openid_server: RunningService, visitor: BrowserClient, name: str, says: str
) -> None:
    page = await signs_in(visitor, name)
    assert (page.status, says in page_text(page), "token" in page.forms[0]) == (403, True, True)
    assert await rows(openid_server, "SELECT count(*) FROM sessions") == [(0,)]


async def test_nobody_approves_by_another_door_what_they_asked_for(
    openid_server: RunningService, visitor: BrowserClient
) -> None:
    await signs_in(visitor, "fay")
    await visitor.submit_form(FUND, amount_minor="1", reference="x")
    [(proposal,)] = await rows(openid_server, "SELECT proposal_id FROM proposals")
    status, refused = await AdminClient(openid_server, "fay").approve(proposal)
    assert status == 409
    assert "another person" in refused["detail"]
    assert (await AdminClient(openid_server, "fred").approve(proposal))[0] == 200


async def test_an_owner_sees_who_is_signed_in_and_ends_it(
    openid_server: RunningService, visitor: BrowserClient
) -> None:
    await signs_in(visitor, "ida")
    al, olga = AdminClient(openid_server, "al"), AdminClient(openid_server, "olga")
    _, listed = await al.read("/sessions")
    [row] = listed["sessions"]
    assert (row["name"], row["role"], row["sessions"], row["sessions_by_openid"]) == ("ida", "finance", 1, 1)
    assert (await al.run_command("/sessions/ida/end"))[0] == 403
    assert (await olga.run_command("/sessions/ida/end"))[0] == 200
    assert (await visitor.read("/admin/campaigns")).url.startswith("/admin/sign-in")
    assert (await olga.run_command("/sessions/ida/end"))[0] == 404
    assert (await al.read("/sessions"))[1]["sessions"] == []


# --- providers that are not as they should be ---

TOO_MUCH = b'{"issuer": "' + b"x" * (300 * 1024)


async def lies(request: web.Request) -> web.Response:
    """Answer as the folder in the address says."""
    kind, here = request.match_info["kind"], f"http://{request.host}"
    own = f"{here}/{kind}"
    metadata = {
        "issuer": own,
        "authorization_endpoint": f"{own}/authorize",
        "token_endpoint": f"{own}/token",
        "jwks_uri": f"{own}/keys",
    }
    answers: dict[str, web.Response] = {
        "broken": web.Response(status=500),
        "elsewhere": web.Response(status=302, headers={"Location": f"{here}/good/.well-known/openid-configuration"}),
        "much": web.Response(body=TOO_MUCH),
        "no-json": web.Response(text="<html>"),
        "a-list": web.json_response([metadata]),
        "another": web.json_response(metadata | {"issuer": f"{here}/good"}),
        "half": web.json_response({"issuer": own}),
        "in-clear": web.json_response(metadata | {"token_endpoint": "http://id.example.org/token"}),
    }
    return answers[kind]


@pytest.fixture
async def liar() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{kind}/.well-known/openid-configuration", lies)
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


async def test_a_provider_that_is_none_sends_nobody_anywhere(dsn: str, liar: str) -> None:
    async with running_openid_service(dsn, "http://127.0.0.1:1/o") as openid_server:
        own = openid_server.service.openid
        assert own is not None
        away = await openid_server.get("/admin/sign-in/openid?lang=en")
        assert (away.status, away.headers["Retry-After"], "set-cookie" in away.headers) == (503, "60", False)
        assert "cannot be reached" in away.body.decode()
        for kind, status in KINDS.items():
            object.__setattr__(own.client, "issuer", f"{liar}/{kind}")
            assert (await openid_server.get("/admin/sign-in/openid?lang=en")).status == status, kind


async def test_without_a_provider_there_is_no_such_way(dsn: str) -> None:
    async with running_service(dsn) as openid_server:
        for path in ("/admin/sign-in/openid", CALLBACK_PATH):
            assert (await openid_server.get(path)).status == 404
        page = (await openid_server.get("/admin/sign-in?lang=en")).body.decode()
        assert "openid" not in page


async def test_made_up_answers_are_counted_as_failures(openid_server: RunningService) -> None:
    forged = {"Cookie": "like_ledger_openid=state.nonce.verifier.en.%2Fadmin"}
    statuses = [
        (await openid_server.get(f"{CALLBACK_PATH}?state=state&code=made-up", **forged)).status for _ in range(12)
    ]
    assert statuses == [401] * 10 + [429] * 2
    assert (await openid_server.get("/admin/sign-in/openid")).status == 429


async def test_the_doctor_tells_whether_the_provider_answers(
    openid_server: RunningService, issuer: str, owner: sql.Connection
) -> None:
    async def found(issuer: str) -> Finding:
        settings = openid_server.service.settings.model_copy(update={"openid_issuer": issuer})
        return [finding async for finding in run_diagnostics(owner, settings)][-1]

    well = await found(issuer)
    assert (well.check, well.is_ok, well.state) == ("OpenID provider", True, f"{URL(issuer).authority} answers")
    ill = await found("http://127.0.0.1:1/o")
    assert (ill.is_ok, "ClientConnectorError" in ill.state, "OPENID_ISSUER" in ill.fix) == (False, True, True)
