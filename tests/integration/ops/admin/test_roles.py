"""Who may do what, written down by hand: every address of /v1/admin and every page of /admin, for every role."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, NamedTuple

import aiohttp
import pytest

from clerks import FOREST, PEOPLE, AdminClient, create_tokens, promise_json
from ops import app
from ops.admin.auth import tokens
from ops.clock import utc_now
from ops.keys import Keys
from ops.settings import Settings
from serving import SLUG, RunningService, next_year, promise, running_service
from visitors import BrowserClient

pytestmark = pytest.mark.one_server

LETTERS = {"c": "campaigns", "f": "finance", "r": "reviewer", "a": "auditor", "o": "owner"}
PERSON = {"campaigns": "cat", "finance": "fay", "reviewer": "rita", "auditor": "al", "owner": "olga"}

# A command, where programs give it, who may give it, and who may agree where it waits for a second person.
# Its form, /admin/do/<command>, is for the same people.
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
charity.change       /charities/{charity}/change                c...o  .....
charity.disable      /charities/{charity}/disable               cf..o  .....
charity.enable       /charities/{charity}/enable                cf..o  .....
charity.account      /charities/{charity}/account               .f..o  .f..o
sponsor.create       /sponsors                                  c...o  .....
sponsor.change       /sponsors/{sponsor}/change                 c...o  .....
sponsor.disable      /sponsors/{sponsor}/disable                c...o  .....
sponsor.enable       /sponsors/{sponsor}/enable                 c...o  .....
platform.add         /platforms                                 ....o  .....
platform.rotate      /platforms/{platform}/rotate               ....o  .....
platform.key         /platforms/{platform}/keys                 ....o  .....
platform.drop-old    /platforms/{platform}/drop-old             ....o  .....
platform.disable     /platforms/{platform}/disable              ....o  .....
platform.enable      /platforms/{platform}/enable               ....o  .....
settlement.make      /campaigns/{slug}/settlements              .f..o  .....
settlement.approve   /settlements/{settlement}/approve          .f..o  .....
settlement.cancel    /settlements/{settlement}/cancel           .f..o  .....
settlement.send      /settlements/{settlement}/send             .f..o  .....
payout.again         /payouts/{payout}/again                    .f..o  .....
payout.answer        /payouts/{payout}/answer                   .f..o  .....
statement.import     /statements                                .f..o  .....
line.match           /statement-lines/{line}/match              .f..o  .....
token.create         /tokens                                    ....o  .....
token.revoke         /tokens/{name}/revoke                      ....o  .....
session.end          /sessions/{name}/end                       ....o  .....
proposal.approve     /proposals/{proposal}/approve              cfr.o  .....
proposal.refuse      /proposals/{proposal}/refuse               cfr.o  .....
proposal.withdraw    /proposals/{proposal}/withdraw             cfr.o  .....
"""
# A list, and who may read it: by programs, as a page, and as a page's CSV.
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
/proposals        cfrao
/tokens           ...ao
/sessions         ...ao
/audit            ...ao
"""
# What else programs may ask for.
OTHERS = """
POST  /preview                      cfrao
GET   /audit.csv                    ...ao
GET   /campaigns/{slug}             cfrao
GET   /uploads/{upload}             cfrao
GET   /settlements/{settlement}     cfrao
GET   /proposals/{proposal}         cfrao
"""
# The pages that are neither a command's form nor a list; those that a browser sends a form to, after that the rest.
PAGES = """
POST  /admin/campaigns/new              c...o
POST  /admin/campaigns/{slug}/terms     c...o
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
# Where the tables above put a command's name or a list's; and what everybody who is signed in may.
TEMPLATES = {
    ("GET", "/admin/do/{command}"),
    ("GET", "/admin/do/{command}/{of}"),
    ("POST", "/admin/do/{command}"),
    ("POST", "/admin/do/{command}/{of}"),
    ("GET", "/admin/{listing}"),
    ("GET", "/admin/{listing}.csv"),
    ("POST", "/admin/sign-out"),
}
SIGN_IN = "/admin/sign-in"  # and what is below it: for whoever is nobody yet
PLACES = {"slug": SLUG, "proposal": "prp_x", "settlement": "stl_x", "upload": "upl_x", "payout": "pay_x"}
PLACES |= {
    "charity": "village-schools",
    "sponsor": "spo_x",
    "platform": "kuai",
    "line": "x",
    "name": "ann",
    "key": "x",
}


class Address(NamedTuple):
    """One method of one address, and the roles that it is for."""

    method: str
    path: str
    roles: frozenset[str]

    @property
    def filled(self) -> str:
        return self.path.format(**PLACES)


def roles_of(letters: str) -> frozenset[str]:
    assert len(letters) == len(LETTERS), letters
    return frozenset(LETTERS[letter] for letter in letters if letter != ".")


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def of_programs() -> list[Address]:
    given = [Address("POST", f"/v1/admin{path}", roles_of(may)) for _, path, may, _ in rows(COMMANDS)]
    read = [Address("GET", f"/v1/admin{path}", roles_of(may)) for path, may in rows(LISTS)]
    return given + read + [Address(method, f"/v1/admin{path}", roles_of(may)) for method, path, may in rows(OTHERS)]


def of_browsers() -> list[Address]:
    found = [Address(method, path, roles_of(may)) for method, path, may in rows(PAGES)]
    for name, path, may, _ in rows(COMMANDS):
        place = path[path.index("{") : path.index("}") + 1] if "{" in path else ""
        form = f"/admin/do/{name}" + (f"/{place}" if place else "")
        found += [Address(method, form, roles_of(may)) for method in ("GET", "POST")]
    for path, may in rows(LISTS):
        found += [Address("GET", f"/admin{path}{ending}", roles_of(may)) for ending in ("", ".csv")]
    return found


def test_the_table_has_every_address_and_no_other():
    service = app.Service(Settings(), Keys(b"", b""), None, None, None, None)  # type: ignore[arg-type]
    routes = app.build_application(service).router.routes()
    served = {(route.method, route.resource.canonical) for route in routes if route.resource} - {("*", "")}
    served = {each for each in served if each[0] != "HEAD"}
    programs = {(each.method, each.path) for each in of_programs()}
    assert {each for each in served if each[1].startswith("/v1/admin/")} == programs
    pages = {(method, path) for method, path, _ in rows(PAGES)} | TEMPLATES
    assert {each for each in served if each[1].startswith("/admin") and not each[1].startswith(SIGN_IN)} == pages


@pytest.fixture
async def served(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, promise(campaign=next_year(utc_now())), trusted_proxies=1) as own:
        await create_tokens(own.service.pool)
        yield own


async def status(served: RunningService, address: Address, token: str, visitor: int) -> tuple[int, str]:
    """Ask for something without a body or a key; who may gets as far as that."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers["X-Forwarded-For"] = f"192.0.2.{visitor % 250}"  # else all of them would have to wait
    async with served.http.request(address.method, served.url + address.filled, headers=headers) as answer:
        told = await answer.json(content_type=None) if answer.status >= 400 else {}
        return answer.status, told.get("type", "").rpartition(":")[2]


async def test_each_role_may_what_the_table_says_by_programs(served: RunningService):
    for address in of_programs():
        for role, person in PERSON.items():
            found, why = await status(served, address, f"token-of-{person}", 0)
            if role not in address.roles:
                assert (found, why) == (403, "forbidden"), (address, role)
            elif address.method == "POST":
                assert why in ("no-key", "wrong-type"), (address, role)
            else:
                assert found in (200, 404), (address, role)


async def test_without_a_token_that_holds_nothing_is_told(served: RunningService):
    past = utc_now() - timedelta(days=9)
    async with served.service.pool.acquire() as conn:
        await tokens.store_token(conn, "expired", "eve", "owner", past, expires_at=past + timedelta(days=1))
    assert (await AdminClient(served, "olga").run_command("/tokens/otto/revoke"))[0] == 200
    for number, address in enumerate(of_programs()):
        for token in ("", "nobody's", "expired", "token-of-otto"):
            assert await status(served, address, token, number) == (401, "no-token"), (address, token)


async def test_each_role_may_what_the_table_says_by_pages(served: RunningService):
    async with AsyncExitStack() as browsers:
        for role, person in PERSON.items():
            jar = aiohttp.CookieJar(unsafe=True)
            own = BrowserClient(served, await browsers.enter_async_context(aiohttp.ClientSession(cookie_jar=jar)))
            await own.sign_in(person)
            form_token = (await own.read("/admin")).forms[0]["form_token"]
            for address in of_browsers():
                found = await seen(own, address, form_token)
                assert found in ({200, 404} if role in address.roles else {403}), (address, role)


async def seen(own: BrowserClient, address: Address, form_token: str) -> int:
    if address.method == "GET":
        return (await own.read(address.filled)).status
    return (await own.send_form(address.filled, {"form_token": form_token, "do": "check"})).status


async def test_who_is_not_signed_in_sees_no_page(served: RunningService):
    for address in of_browsers():
        headers = {"Origin": served.url}
        asked = served.http.request(
            address.method, served.url + address.filled, headers=headers, allow_redirects=False
        )
        async with asked as answer:
            assert answer.status == 303, address
            assert answer.headers["Location"].startswith(SIGN_IN), address


WAITING: dict[str, tuple[str, Any]] = {
    "campaign.create": ("/campaigns", promise_json(FOREST)),
    "campaign.terms": (
        f"/campaigns/{SLUG}/terms",
        {"terms": promise_json(promise(terms={"rate": {"amount_minor": 9, "per_likes": 1}}))["terms"]},
    ),
    "campaign.fund": (f"/campaigns/{SLUG}/funding", {"amount_minor": 1, "reference": "second"}),
    "charity.account": ("/charities/village-schools/account", {"account": {"scheme": "other", "id": "7"}}),
}


async def test_who_may_agree_is_who_the_table_says(served: RunningService):
    agreeing = {name: roles_of(agree) for name, _, _, agree in rows(COMMANDS)}
    assert {name for name, roles in agreeing.items() if roles} == WAITING.keys()
    for name, (path, body) in WAITING.items():
        code, answer = await AdminClient(served, "otto").run_command(path, body)
        assert (code, answer["command"]) == (202, name), answer
        for role, person in PERSON.items():
            asked = f"/proposals/{answer['proposal']}/approve"
            found, _ = await AdminClient(served, person).run_command(asked, {"hash": "0" * 64}, key=f"{name}-{role}")
            assert found == (409 if role in agreeing[name] else 403), (name, role)


def test_the_table_knows_every_role():
    assert set(PERSON) == set(LETTERS.values()) == set(PEOPLE.values())
