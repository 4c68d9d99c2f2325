"""Browser sessions: how they begin and end, and that no foreign page can use one."""

from collections.abc import AsyncIterator
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import pytest
from yarl import URL

from admin_client import create_tokens
from browser_client import BrowserClient, page_text
from ops.admin.auth import session_store, tokens
from ops.admin.auth.tokens import Identity
from ops.clock import utc_now
from running_service import RunningService, running_service

COOKIE = "like_ledger_session"
SETTING = "t" * 40


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, admin_token=SETTING) as running:
        await create_tokens(running.service.pool)
        yield running


@pytest.fixture
async def visitor(server: RunningService) -> AsyncIterator[BrowserClient]:
    async with browser() as http:
        yield BrowserClient(server, http)


def cookie_of(visitor: BrowserClient) -> str:
    return next((c.value for c in visitor.http.cookie_jar if c.key == COOKIE), "")


def plant(visitor: BrowserClient, cookie: str) -> None:
    """Put a cookie into the browser as if our pages had set it."""
    cookies: SimpleCookie = SimpleCookie({COOKIE: cookie})
    cookies[COOKIE]["path"] = "/admin"
    visitor.http.cookie_jar.update_cookies(cookies, URL(visitor.url))


async def is_in(visitor: BrowserClient) -> bool:
    return not (await visitor.read("/admin")).url.startswith("/admin/sign-in")


async def test_sign_in_redirects_back_to_the_page(visitor: BrowserClient) -> None:
    page = await visitor.read("/admin/campaigns?lang=en")
    assert page.url == "/admin/sign-in?next=/admin/campaigns&lang=en"
    page = await visitor.send_form("/admin/sign-in?lang=en", page.forms[0] | {"token": "token-of-cat"})
    assert (page.status, page.url) == (200, "/admin/campaigns?lang=en")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil", "/admin/../x?y", "javascript:1"]
)
async def test_sign_in_never_redirects_to_another_site(visitor: BrowserClient, target: str) -> None:
    form = {"token": "token-of-cat", "next": target}
    response = await visitor.send_form("/admin/sign-in", form, follow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "/admin")


@pytest.mark.parametrize(("public_url", "is_secure"), [(None, False), ("https://likes.example.org", True)])
async def test_the_cookie_stays_with_our_pages(dsn: str, public_url: str | None, *, is_secure: bool) -> None:
    async with running_service(dsn, public_url=public_url) as running, browser() as http:
        await create_tokens(running.service.pool)
        origin = {"Origin": public_url or running.url}
        response = await BrowserClient(running, http).send_form(
            "/admin/sign-in", {"token": "token-of-cat"}, follow_redirects=False, **origin
        )
        cookie = SimpleCookie(response.headers["Set-Cookie"])[COOKIE]
        flags = (cookie["httponly"], cookie["samesite"], cookie["path"], bool(cookie["secure"]), cookie["domain"])
        assert flags == (True, "Strict", "/admin", is_secure, "")
        stored = await running.service.pool.fetch("SELECT encode(digest, 'hex') AS digest FROM sessions")
        assert [row["digest"] for row in stored] == [tokens.hash_token(cookie.value).hex()]


async def test_sign_in_always_creates_a_new_session(server: RunningService, visitor: BrowserClient) -> None:
    planted = "planted-by-another"
    plant(visitor, planted)
    await visitor.sign_in("cat")
    first = cookie_of(visitor)
    assert first != planted
    await visitor.sign_in("fay")
    assert cookie_of(visitor) not in (first, planted)
    async with server.service.pool.acquire() as conn:
        assert await session_store.find_identity(conn, first, utc_now()) is None


async def test_signing_out_ends_the_session(server: RunningService, visitor: BrowserClient) -> None:
    await visitor.sign_in("cat")
    cookie, form = cookie_of(visitor), (await visitor.read("/admin")).forms[0]
    page = await visitor.send_form(form["action"], form)
    assert (page.url, cookie_of(visitor)) == ("/admin/sign-in", "")
    plant(visitor, cookie)
    assert not await is_in(visitor)


async def test_a_session_ends_with_its_token(server: RunningService, visitor: BrowserClient) -> None:
    await visitor.sign_in("cat")
    assert await is_in(visitor)
    await server.service.pool.execute("UPDATE tokens SET revoked_at = now() WHERE name = 'cat'")
    assert not await is_in(visitor)


async def test_a_session_ends_when_its_token_expires_and_after_eight_hours(server: RunningService) -> None:
    async with server.service.pool.acquire() as conn:
        now = utc_now()
        await tokens.store_token(conn, "short", "sue", "finance", now, expires_at=now + timedelta(hours=1))
        by_token = await session_store.begin_session(conn, Identity("sue", "finance"), now, "short")
        by_other = await session_store.begin_session(conn, Identity("eve", "finance"), now)
        identities: list[tuple[Any, Any]] = []
        for hours in (0, 2, 9):
            at = now + timedelta(hours=hours)
            identities.append(
                (
                    await session_store.find_identity(conn, by_token, at),
                    await session_store.find_identity(conn, by_other, at),
                )
            )
    assert [(a is not None, b is not None) for a, b in identities] == [(True, True), (False, True), (False, False)]


async def test_a_session_of_the_bootstrap_token_ends_with_it(server: RunningService, visitor: BrowserClient) -> None:
    await visitor.send_form("/admin/sign-in", {"token": SETTING})
    assert "admin" in page_text(await visitor.read("/admin?lang=en"))
    forged = f"{cookie_of(visitor).rpartition('.')[0]}.{'0' * 64}"  # like the cookie of another token
    async with server.service.pool.acquire() as conn:
        await session_store.begin_session(conn, Identity("admin", "owner"), utc_now(), None, forged)
    plant(visitor, forged)
    assert not await is_in(visitor)


FUND = "/admin/do/campaign.fund/rural-education"
FOREIGN_HEADERS = [
    {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec_Fetch_Site": ""},
    {"Origin": "null", "Sec_Fetch_Site": ""},
    {"Origin": "", "Sec_Fetch_Site": ""},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN_HEADERS, ids=str)
async def test_a_cross_site_form_is_refused(
    server: RunningService, visitor: BrowserClient, headers: dict[str, str]
) -> None:
    await visitor.sign_in("fay")
    form = next(form for form in (await visitor.read(FUND)).forms if "key" in form)
    running = form | {"do": "execute", "amount_minor": "1", "reference": "x"}
    request_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    assert (await visitor.send_form(FUND, running, **request_headers)).status == 403
    assert (await visitor.send_form("/admin/sign-in", {"token": "token-of-cat"}, **request_headers)).status == 403
    assert await server.service.pool.fetchval("SELECT count(*) FROM proposals") == 0


async def test_a_form_needs_the_csrf_token_of_its_session(server: RunningService, visitor: BrowserClient) -> None:
    async with browser() as http:
        other = BrowserClient(server, http)
        await other.sign_in("fred")
        foreign = next(form for form in (await other.read(FUND)).forms if "key" in form)["form_token"]
    await visitor.sign_in("fay")
    form = next(form for form in (await visitor.read(FUND)).forms if "key" in form)
    running = form | {"do": "execute", "amount_minor": "1", "reference": "x"}
    for form_token in ("", foreign, running["form_token"][:-1], running["form_token"].upper(), "é"):
        assert (await visitor.send_form(FUND, running | {"form_token": form_token})).status == 403, form_token
    sign_out_form = form | {"form_token": foreign}
    assert (await visitor.send_form("/admin/sign-out", sign_out_form)).status == 403
    assert await server.service.pool.fetchval("SELECT count(*) FROM proposals") == 0
    assert (await visitor.send_form(FUND, running)).status == 200


async def test_pages_refuse_bearer_tokens_and_the_api_refuses_cookies(visitor: BrowserClient) -> None:
    bearer = {"Authorization": "Bearer token-of-olga"}
    assert (await visitor.read("/admin", **bearer)).url.startswith("/admin/sign-in")
    await visitor.sign_in("olga")
    cookie = {"Cookie": f"{COOKIE}={cookie_of(visitor)}"}
    assert (await visitor.read("/v1/admin/proposals", **cookie)).status == 401
    as_bearer = {"Authorization": f"Bearer {cookie_of(visitor)}"}
    assert (await visitor.read("/v1/admin/proposals", **as_bearer)).status == 401


async def test_rate_limits_spare_signed_in_visitors(server: RunningService, visitor: BrowserClient) -> None:
    await visitor.sign_in("cat")
    async with browser() as http:
        stranger = BrowserClient(server, http)
        tried = [(await stranger.send_form("/admin/sign-in", {"token": "no"})).status for _ in range(12)]
        assert tried == [401] * 10 + [429] * 2
        plant(stranger, "guessed")
        assert (await stranger.read("/admin")).status == 429
    assert await is_in(visitor)


async def test_pages_have_security_headers_and_are_not_cached(visitor: BrowserClient) -> None:
    await visitor.sign_in("olga")
    for path in ("/admin", "/admin/sign-in", "/admin/campaigns/new", "/admin/audit", "/admin/nowhere"):
        headers = (await visitor.read(path)).headers
        policy = headers["Content-Security-Policy"]
        assert ("default-src 'none'" in policy, "frame-ancestors 'none'" in policy, "unsafe" in policy) == (
            True,
            True,
            False,
        )
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
