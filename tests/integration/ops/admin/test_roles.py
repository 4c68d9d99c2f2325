"""Permissions, written by hand: every endpoint and page of administration, for every role."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, NamedTuple

import aiohttp
import pytest

from admin_client import FOREST, PEOPLE, AdminClient, create_tokens, promise_json
from browser_client import BrowserClient
from campaigns.authenticity.ruleset import default_file
from campaigns.catalogue import cache
from campaigns.intake.like_state import LikeVerdict
from campaigns.review.appeals import open_appeals
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops import app
from ops.admin.auth import tokens
from ops.clock import utc_now
from ops.keys import Keys
from ops.metrics import Metrics
from ops.settings import Settings
from reviewed_cases import open_case, send_likes, store_rules
from running_service import SLUG, RunningService, like, next_year, promise, running_service
from verdicts import decide

pytestmark = pytest.mark.one_server

LETTERS = {"c": "campaigns", "f": "finance", "r": "reviewer", "a": "auditor", "o": "owner"}
PERSON = {"campaigns": "cat", "finance": "fay", "reviewer": "rita", "auditor": "al", "owner": "olga"}

# A command, its path in the API, the roles that may run it, and the roles that may approve it.
# Its form, /admin/do/<command>, is for the same roles.
COMMANDS = """
campaign.create      /campaigns                                 c...o  cf..o
campaign.terms       /campaigns/{slug}/terms                    c...o  cf..o
campaign.fund        /campaigns/{slug}/funding                  .f..o  cf..o
campaign.close       /campaigns/{slug}/close                    c...o  .....
content.enrol        /campaigns/{slug}/content/enrol            c...o  .....
content.remove       /campaigns/{slug}/content/remove           c...o  .....
content.pause        /campaigns/{slug}/content/pause            c...o  .....
content.resume       /campaigns/{slug}/content/resume           c...o  .....
content.enrol_file   /campaigns/{slug}/content/enrol/file       c...o  .....
content.remove_file  /campaigns/{slug}/content/remove/file      c...o  .....
upload.stop          /uploads/{upload}/stop                     c...o  .....
charity.create       /charities                                 cf..o  .....
charity.rename       /charities/{charity}/rename                c...o  .....
charity.disable      /charities/{charity}/disable               cf..o  .....
charity.enable       /charities/{charity}/enable                cf..o  .....
charity.account      /charities/{charity}/account               .f..o  .f..o
sponsor.create       /sponsors                                  c...o  .....
sponsor.rename       /sponsors/{sponsor}/rename                 c...o  .....
sponsor.disable      /sponsors/{sponsor}/disable                c...o  .....
sponsor.enable       /sponsors/{sponsor}/enable                 c...o  .....
platform.add         /platforms                                 ....o  .....
platform.rotate      /platforms/{platform}/rotate               ....o  .....
platform.key         /platforms/{platform}/keys                 ....o  .....
platform.issued      /platforms/{platform}/issued-secrets       ....o  .....
platform.drop-old    /platforms/{platform}/drop-old             ....o  .....
platform.disable     /platforms/{platform}/disable              ....o  .....
platform.enable      /platforms/{platform}/enable               ....o  .....
person.forget        /campaigns/{slug}/people/forget            ....o  .....
settlement.make      /campaigns/{slug}/settlements              .f..o  .....
settlement.approve   /settlements/{settlement}/approve          .f..o  .....
settlement.cancel    /settlements/{settlement}/cancel           .f..o  .....
settlement.send      /settlements/{settlement}/send             .f..o  .....
payout.retry         /payouts/{payout}/retry                    .f..o  .....
payout.record-result /payouts/{payout}/record-result            .f..o  .....
statement.import     /statements                                .f..o  .....
line.match           /statement-lines/{line}/match              .f..o  .f..o
status.review        /payment-statuses/{status}/review          .f..o  .....
case.release         /review/cases/{case}/release               ..r.o  ..r.o
case.void            /review/cases/{case}/void                  ..r.o  ..r.o
case.note            /review/cases/{case}/note                  ..r.o  .....
appeal.uphold        /review/appeals/{appeal}/uphold            ..r.o  ..r.o
appeal.reject        /review/appeals/{appeal}/reject            ..r.o  .....
rules.apply          /review/rules                              ..r.o  ..r.o
token.create         /tokens                                    ....o  .....
token.revoke         /tokens/{name}/revoke                      ....o  .....
session.end          /sessions/{name}/end                       ....o  .....
proposal.approve     /proposals/{proposal}/approve              cfr.o  .....
proposal.refuse      /proposals/{proposal}/refuse               cfr.o  .....
proposal.withdraw    /proposals/{proposal}/withdraw             cfr.o  .....
"""
# A list, and the roles that may read it: by the API, as a page, and as CSV.
LISTS = """
/campaigns        cfrao
/content          cfrao
/uploads          cfrao
/charities        cfrao
/sponsors         cfrao
/platforms        cfrao
/settlements      cfrao
/payouts          cfrao
/statement-lines  .f.ao
/payment-statuses .f.ao
/review/cases     ..rao
/review/likes     ..rao
/review/appeals   ..rao
/proposals        cfrao
/tokens           ...ao
/sessions         ...ao
/audit            ...ao
"""
# The other endpoints of the API.
OTHER_ENDPOINTS = """
POST  /preview                      cfrao
GET   /audit.csv                    ...ao
GET   /campaigns/{slug}             cfrao
GET   /uploads/{upload}             cfrao
GET   /settlements/{settlement}     cfrao
GET   /review/cases/{case}          ..rao
GET   /review/likes/{receipt}       ..rao
GET   /review/rules/{slug}          ..rao
GET   /proposals/{proposal}         cfrao
"""
# The pages that are neither a command's form nor a list: first those that take a form.
PAGES = """
POST  /admin/campaigns/new              c...o
POST  /admin/campaigns/{slug}/terms     c...o
POST  /admin/review                     ..r.o
GET   /admin/review                     ..rao
GET   /admin/review/cases/{case}        ..rao
GET   /admin                            cfrao
GET   /admin/campaigns                  cfrao
GET   /admin/campaigns/new              c...o
GET   /admin/campaigns/{slug}           cfrao
GET   /admin/campaigns/{slug}/terms     c...o
GET   /admin/proposals                  cfrao
GET   /admin/proposals/{proposal}       cfrao
GET   /admin/answers/{key}              cfrao
GET   /admin/settlements/{settlement}   cfrao
GET   /admin/payouts/{payout}           cfrao
"""
# Pages with a command's or a list's name in the path, and those for everybody who is signed in.
GENERIC_PAGES = {
    ("GET", "/admin/do/{command}"),
    ("GET", "/admin/do/{command}/{subject}"),
    ("POST", "/admin/do/{command}"),
    ("POST", "/admin/do/{command}/{subject}"),
    ("GET", "/admin/{list}"),
    ("GET", "/admin/{list}.csv"),
    ("POST", "/admin/sign-out"),
}
SIGN_IN = "/admin/sign-in"  # and the paths below it, for anybody
PATH_VALUES = {"slug": SLUG, "proposal": "prp_x", "settlement": "stl_x", "upload": "upl_x", "payout": "pay_x"}
PATH_VALUES |= {
    "charity": "village-schools",
    "sponsor": "spo_x",
    "platform": "kuai",
    "line": "x",
    "status": "sts_x",
    "name": "ann",
    "key": "x",
    "case": "cas_x",
    "appeal": "apl_x",
    "receipt": "rcp_x",
}


class Address(NamedTuple):
    """A method and a path, and the roles that may use them."""

    method: str
    path: str
    roles: frozenset[str]

    @property
    def filled_path(self) -> str:
        return self.path.format(**PATH_VALUES)


def roles_of(letters: str) -> frozenset[str]:
    assert len(letters) == len(LETTERS), letters
    return frozenset(LETTERS[letter] for letter in letters if letter != ".")


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def api_addresses() -> list[Address]:
    commands = [("POST", path, roles) for _, path, roles, _ in rows(COMMANDS)]
    lists = [("GET", path, roles) for path, roles in rows(LISTS)]
    endpoints = [*commands, *lists, *rows(OTHER_ENDPOINTS)]
    return [Address(method, f"/v1/admin{path}", roles_of(roles)) for method, path, roles in endpoints]


def page_addresses() -> list[Address]:
    addresses = [Address(method, path, roles_of(roles)) for method, path, roles in rows(PAGES)]
    for name, path, roles, _ in rows(COMMANDS):
        parameter = path[path.index("{") : path.index("}") + 1] if "{" in path else ""
        form = f"/admin/do/{name}" + (f"/{parameter}" if parameter else "")
        addresses += [Address(method, form, roles_of(roles)) for method in ("GET", "POST")]
    for path, roles in rows(LISTS):
        addresses += [Address("GET", f"/admin{path}{ending}", roles_of(roles)) for ending in ("", ".csv")]
    return addresses


def test_the_table_has_exactly_the_addresses_of_the_service():
    service = app.Service(Settings(), Keys(b"", b""), None, None, None, Metrics())  # type: ignore[arg-type]
    routes = app.build_application(service).router.routes()
    served = {(route.method, route.resource.canonical) for route in routes if route.resource} - {("*", "")}
    api = {(method, path) for method, path in served if method != "HEAD" and path.startswith("/v1/admin/")}
    assert api == {(address.method, address.path) for address in api_addresses()}
    pages = {(method, path) for method, path in served if method != "HEAD" and path.startswith("/admin")}
    expected = {(method, path) for method, path, _ in rows(PAGES)} | GENERIC_PAGES
    assert {(method, path) for method, path in pages if not path.startswith(SIGN_IN)} == expected


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, promise(campaign=next_year(utc_now())), trusted_proxies=1) as running:
        await create_tokens(running.service.pool)
        yield running


async def send_request(server: RunningService, address: Address, token: str, visitor: int) -> tuple[int, str]:
    """Send a request without body and key; return status and problem.

    An allowed role gets that far.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers["X-Forwarded-For"] = f"192.0.2.{visitor % 250}"  # or the rate limit would apply
    async with server.http.request(address.method, server.url + address.filled_path, headers=headers) as response:
        body = await response.json(content_type=None) if response.status >= 400 else {}
        return response.status, body.get("type", "").rpartition(":")[2]


async def test_the_api_allows_each_role_the_addresses_of_the_table(server: RunningService):
    for address in api_addresses():
        for role, person in PERSON.items():
            status_code, problem_code = await send_request(server, address, f"token-of-{person}", 0)
            if role not in address.roles:
                assert (status_code, problem_code) == (403, "forbidden"), (address, role)
            elif address.method == "POST":
                assert problem_code in ("idempotency-key-required", "unsupported-media-type"), (address, role)
            else:
                assert status_code in (200, 404), (address, role)


async def test_without_a_valid_token_every_address_is_refused(server: RunningService):
    past = utc_now() - timedelta(days=9)
    async with server.service.pool.acquire() as conn:
        await tokens.store_token(conn, "expired", "eve", "auditor", past, expires_at=past + timedelta(days=1))
    assert (await AdminClient(server, "olga").run_command("/tokens/otto/revoke"))[0] == 200
    for number, address in enumerate(api_addresses()):
        for token in ("", "nobody's", "expired", "token-of-otto"):
            assert await send_request(server, address, token, number) == (401, "invalid-token"), (address, token)


async def test_pages_allow_each_role_the_addresses_of_the_table(server: RunningService):
    async with AsyncExitStack() as browsers:
        for role, person in PERSON.items():
            jar = aiohttp.CookieJar(unsafe=True)
            browser = BrowserClient(server, await browsers.enter_async_context(aiohttp.ClientSession(cookie_jar=jar)))
            await browser.sign_in(person)
            form_token = (await browser.read("/admin")).forms[0]["form_token"]
            for address in page_addresses():
                status_code = await page_status(browser, address, form_token)
                assert status_code in ({200, 404} if role in address.roles else {403}), (address, role)


async def page_status(browser: BrowserClient, address: Address, form_token: str) -> int:
    if address.method == "GET":
        return (await browser.read(address.filled_path)).status
    return (await browser.send_form(address.filled_path, {"form_token": form_token, "do": "check"})).status


async def test_without_a_session_every_page_redirects_to_sign_in(server: RunningService):
    for address in page_addresses():
        headers = {"Origin": server.url}
        request = server.http.request(
            address.method, server.url + address.filled_path, headers=headers, allow_redirects=False
        )
        async with request as response:
            assert response.status == 303, address
            assert response.headers["Location"].startswith(SIGN_IN), address


PROPOSED: dict[str, tuple[str, Any]] = {
    "campaign.create": ("/campaigns", promise_json(FOREST)),
    "campaign.terms": (
        f"/campaigns/{SLUG}/terms",
        {"terms": promise_json(promise(terms={"rate": {"amount_minor": 9, "per_likes": 1}}))["terms"]},
    ),
    "campaign.fund": (f"/campaigns/{SLUG}/funding", {"amount_minor": 1, "reference": "second"}),
    "charity.account": ("/charities/village-schools/account", {"account": {"scheme": "other", "id": "7"}}),
}


async def large_difference(server: RunningService) -> tuple[str, Any]:
    """Return the match of a line that differs from its payout by more than the threshold."""
    await server.send([like(str(n)) for n in range(30)])
    await server.tick()
    otto = AdminClient(server, "otto")
    _, made = await otto.run_command(f"/campaigns/{SLUG}/settlements", {"upto": "2022-04-18"})
    settlement = next(iter(made["after"]))
    _, detail = await otto.read(f"/settlements/{settlement}")
    for person in ("fay", "olga"):
        await AdminClient(server, person).run_command(f"/settlements/{settlement}/approve", {"hash": detail["hash"]})
    await otto.run_command(f"/settlements/{settlement}/send")
    lines = [f"1,S,{kind},2022-04-19,9.00,CNY,debit,,,," for kind in ("entry", "closing")]
    statement = "\n".join([",".join(COLUMNS), "1,S,opening,2022-04-19,0.00,CNY,debit,,,,", *lines])
    await otto.send_file("/statements", statement.encode())
    _, listed = await otto.read("/statement-lines")
    payout = detail["payouts"][0]["payout"]
    return f"/statement-lines/{listed['lines'][0]['id']}/match", {"payout": payout, "reason": "a fee"}


APPROVER_ROLES = {name: roles_of(approvers) for name, _, _, approvers in rows(COMMANDS)}
LARGE_DIFFERENCE = "line.match"
APPEAL = "appeal.uphold"
RULES = "rules.apply"
CASES = {"case.release", "case.void"}


async def test_the_roles_of_the_table_may_approve(server: RunningService):
    assert {name for name, roles in APPROVER_ROLES.items() if roles} == {
        *PROPOSED,
        LARGE_DIFFERENCE,
        *CASES,
        APPEAL,
        RULES,
    }
    for name, (path, body) in PROPOSED.items():
        await expect_approvers(server, name, path, body)


async def test_the_roles_of_the_table_may_approve_a_large_difference(dsn: str):
    async with running_service(dsn, promise()) as server:  # a campaign that has ended
        await create_tokens(server.service.pool)
        await expect_approvers(server, LARGE_DIFFERENCE, *await large_difference(server))


@pytest.mark.parametrize("name", sorted(CASES))
async def test_the_roles_of_the_table_may_approve_a_decision_about_a_case(dsn: str, name: str):
    async with running_service(dsn, promise()) as server:
        await create_tokens(server.service.pool)
        await store_rules(server)
        case = await open_case(server, await send_likes(server, [str(n) for n in range(101)]))
        path = f"/review/cases/{case}/{name.removeprefix('case.')}"
        await expect_approvers(server, name, path, {"reason": "one phone"})


async def test_the_roles_of_the_table_may_approve_that_a_void_like_counts_again(dsn: str):
    async with running_service(dsn, promise()) as server:
        await create_tokens(server.service.pool)
        await store_rules(server)
        await decide(server, LikeVerdict.VOID, await send_likes(server, ["ann"]), by="people")
        async with server.service.pool.acquire() as conn, conn.transaction():
            catalogue = await cache.read_catalogue(conn, server.service.keys.pseudonym)
            like = {"campaign": SLUG, "content": "farm", "person": "ann", "message": "I did like it."}
            platform = catalogue.platforms[server.platform]
            [result] = await open_appeals(conn, [like], platform, catalogue, utc_now())
        path = f"/review/appeals/{result['appeal']}/uphold"
        await expect_approvers(server, APPEAL, path, {"reason": "it is real"})


async def test_the_roles_of_the_table_may_approve_rules(dsn: str):
    async with running_service(dsn, promise(rules="standard")) as server:
        await create_tokens(server.service.pool)
        looser = (
            default_file().decode().replace('mode = "live"', 'mode = "shadow"').replace("version = 1", "version = 2")
        )
        await expect_approvers(server, RULES, "/review/rules", {"campaign": SLUG, "file": looser})


async def expect_approvers(server: RunningService, name: str, path: str, body: Any) -> None:
    """Propose a command; only the roles of the table may approve it."""
    proposed, response = await AdminClient(server, "otto").run_command(path, body)
    assert (proposed, response["command"]) == (202, name), response
    approve_path = f"/proposals/{response['proposal']}/approve"
    for role, person in PERSON.items():
        client = AdminClient(server, person)
        decided, _ = await client.run_command(approve_path, {"hash": "0" * 64}, key=f"{name}-{role}")
        assert decided == (409 if role in APPROVER_ROLES[name] else 403), (name, role)


def test_the_table_covers_every_role():
    assert set(PERSON) == set(LETTERS.values()) == set(PEOPLE.values())
