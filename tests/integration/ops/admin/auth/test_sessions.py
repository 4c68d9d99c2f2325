"""Sessions of the administration's pages: how they begin and end, and that nobody else's page can use one."""

from collections.abc import AsyncIterator
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import pytest
from yarl import URL

from clerks import create_tokens
from ops.admin.auth import session_store, tokens
from ops.admin.auth.tokens import Identity
from ops.clock import utc_now
from serving import RunningService, running_service
from visitors import BrowserClient, page_text

COOKIE = "like_ledger_session"
SETTING = "t" * 40


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


@pytest.fixture
async def served(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, admin_token=SETTING) as own:
        await create_tokens(own.service.pool)
        yield own


@pytest.fixture
async def visitor(served: RunningService) -> AsyncIterator[BrowserClient]:
    async with browser() as http:
        yield BrowserClient(served, http)


def cookie_of(visitor: BrowserClient) -> str:
    return next((c.value for c in visitor.http.cookie_jar if c.key == COOKIE), "")


def plant(visitor: BrowserClient, cookie: str) -> None:
    """Have a browser hold a cookie as if our pages had set it."""
    held: SimpleCookie = SimpleCookie({COOKIE: cookie})
    held[COOKIE]["path"] = "/admin"
    visitor.http.cookie_jar.update_cookies(held, URL(visitor.url))


async def is_in(visitor: BrowserClient) -> bool:
    return not (await visitor.read("/admin")).url.startswith("/admin/sign-in")


async def test_who_is_not_signed_in_is_asked_to_and_sent_back(visitor: BrowserClient) -> None:
    page = await visitor.read("/admin/campaigns?lang=en")
    assert page.url == "/admin/sign-in?next=/admin/campaigns&lang=en"
    page = await visitor.send_form("/admin/sign-in?lang=en", page.forms[0] | {"token": "token-of-cat"})
    assert (page.status, page.url) == (200, "/admin/campaigns?lang=en")


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil", "/admin/../x?y", "javascript:1"]
)
async def test_nobody_is_sent_elsewhere(visitor: BrowserClient, wanted: str) -> None:
    form = {"token": "token-of-cat", "next": wanted}
    answer = await visitor.send_form("/admin/sign-in", form, follow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/admin")


@pytest.mark.parametrize(("public_url", "is_secure"), [(None, False), ("https://likes.example.org", True)])
async def test_the_cookie_stays_with_our_pages(dsn: str, public_url: str | None, *, is_secure: bool) -> None:
    async with running_service(dsn, public_url=public_url) as own, browser() as http:
        await create_tokens(own.service.pool)
        origin = {"Origin": public_url or own.url}
        answer = await BrowserClient(own, http).send_form(
            "/admin/sign-in", {"token": "token-of-cat"}, follow_redirects=False, **origin
        )
        cookie = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
        flags = (cookie["httponly"], cookie["samesite"], cookie["path"], bool(cookie["secure"]), cookie["domain"])
        assert flags == (True, "Strict", "/admin", is_secure, "")
        kept = await own.service.pool.fetch("SELECT encode(digest, 'hex') AS digest FROM sessions")
        assert [row["digest"] for row in kept] == [tokens.hash_token(cookie.value).hex()]


async def test_a_session_is_never_one_that_was_there_before(served: RunningService, visitor: BrowserClient) -> None:
    planted = "planted-by-another"
    plant(visitor, planted)
    await visitor.sign_in("cat")
    first = cookie_of(visitor)
    assert first != planted
    await visitor.sign_in("fay")
    assert cookie_of(visitor) not in (first, planted)
    async with served.service.pool.acquire() as conn:
        assert await session_store.find_identity(conn, first, utc_now()) is None


async def test_signing_out_ends_it(served: RunningService, visitor: BrowserClient) -> None:
    await visitor.sign_in("cat")
    cookie, form = cookie_of(visitor), (await visitor.read("/admin")).forms[0]
    page = await visitor.send_form(form["action"], form)
    assert (page.url, cookie_of(visitor)) == ("/admin/sign-in", "")
    plant(visitor, cookie)
    assert not await is_in(visitor)


async def test_it_ends_with_its_token(served: RunningService, visitor: BrowserClient) -> None:
    await visitor.sign_in("cat")
    assert await is_in(visitor)
    await served.service.pool.execute("UPDATE tokens SET revoked_at = now() WHERE name = 'cat'")
    assert not await is_in(visitor)


async def test_it_ends_when_its_token_expires_and_after_eight_hours(served: RunningService) -> None:
    async with served.service.pool.acquire() as conn:
        now = utc_now()
        await tokens.store_token(conn, "short", "sue", "finance", now, expires_at=now + timedelta(hours=1))
        by_token = await session_store.begin_session(conn, Identity("sue", "finance"), now, "short")
        by_other = await session_store.begin_session(conn, Identity("eve", "finance"), now)
        holds: list[tuple[Any, Any]] = []
        for hours in (0, 2, 9):
            at = now + timedelta(hours=hours)
            holds.append(
                (
                    await session_store.find_identity(conn, by_token, at),
                    await session_store.find_identity(conn, by_other, at),
                )
            )
    assert [(a is not None, b is not None) for a, b in holds] == [(True, True), (False, True), (False, False)]


async def test_the_setting_s_token_begins_one_that_ends_with_it(
    served: RunningService, visitor: BrowserClient
) -> None:
    await visitor.send_form("/admin/sign-in", {"token": SETTING})
    assert "admin" in page_text(await visitor.read("/admin?lang=en"))
    forged = f"{cookie_of(visitor).rpartition('.')[0]}.{'0' * 64}"  # as one of another token would be
    async with served.service.pool.acquire() as conn:
        await session_store.begin_session(conn, Identity("admin", "owner"), utc_now(), None, forged)
    plant(visitor, forged)
    assert not await is_in(visitor)


FUND = "/admin/do/campaign.fund/rural-education"
OTHERS = [
    {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec_Fetch_Site": ""},
    {"Origin": "null", "Sec_Fetch_Site": ""},
    {"Origin": "", "Sec_Fetch_Site": ""},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "none"},
]


@pytest.mark.parametrize("headers", OTHERS, ids=str)
async def test_a_form_from_elsewhere_does_nothing(
    served: RunningService, visitor: BrowserClient, headers: dict[str, str]
) -> None:
    await visitor.sign_in("fay")
    form = next(each for each in (await visitor.read(FUND)).forms if "key" in each)
    own = form | {"do": "execute", "amount_minor": "1", "reference": "x"}
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    assert (await visitor.send_form(FUND, own, **said)).status == 403
    assert (await visitor.send_form("/admin/sign-in", {"token": "token-of-cat"}, **said)).status == 403
    assert await served.service.pool.fetchval("SELECT count(*) FROM proposals") == 0


async def test_a_form_needs_its_own_session_s_token(served: RunningService, visitor: BrowserClient) -> None:
    async with browser() as http:
        other = BrowserClient(served, http)
        await other.sign_in("fred")
        foreign = next(each for each in (await other.read(FUND)).forms if "key" in each)["form_token"]
    await visitor.sign_in("fay")
    form = next(each for each in (await visitor.read(FUND)).forms if "key" in each)
    own = form | {"do": "execute", "amount_minor": "1", "reference": "x"}
    for wrong in ("", foreign, own["form_token"][:-1], own["form_token"].upper(), "é"):
        assert (await visitor.send_form(FUND, own | {"form_token": wrong})).status == 403, wrong
    out = form | {"form_token": foreign}
    assert (await visitor.send_form("/admin/sign-out", out)).status == 403
    assert await served.service.pool.fetchval("SELECT count(*) FROM proposals") == 0
    assert (await visitor.send_form(FUND, own)).status == 200


async def test_neither_door_takes_the_other_s_key(visitor: BrowserClient) -> None:
    bearer = {"Authorization": "Bearer token-of-olga"}
    assert (await visitor.read("/admin", **bearer)).url.startswith("/admin/sign-in")
    await visitor.sign_in("olga")
    cookie = {"Cookie": f"{COOKIE}={cookie_of(visitor)}"}
    assert (await visitor.read("/v1/admin/proposals", **cookie)).status == 401
    as_bearer = {"Authorization": f"Bearer {cookie_of(visitor)}"}
    assert (await visitor.read("/v1/admin/proposals", **as_bearer)).status == 401


async def test_whoever_fails_too_often_waits_but_for_who_is_in(
    served: RunningService, visitor: BrowserClient
) -> None:
    await visitor.sign_in("cat")
    async with browser() as http:
        stranger = BrowserClient(served, http)
        tried = [(await stranger.send_form("/admin/sign-in", {"token": "no"})).status for _ in range(12)]
        assert tried == [401] * 10 + [429] * 2
        plant(stranger, "guessed")
        assert (await stranger.read("/admin")).status == 429
    assert await is_in(visitor)


async def test_pages_are_guarded_and_kept_nowhere(visitor: BrowserClient) -> None:
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
