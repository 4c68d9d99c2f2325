"""Review through the API: who decides, what takes two people, and the money that moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from admin_client import AdminClient, create_tokens
from campaigns.judging.case_plan import BREAKER, COUNTING
from ledger.accounting.balances import campaign_balances
from ops.admin.auth import tokens
from ops.clock import utc_now
from reviewed_cases import like_states, open_case, send_likes, store_rules
from running_service import SLUG, RunningService, promise, running_service

pytestmark = pytest.mark.one_server
EACH_A_CENT = {"rate": {"amount_minor": 1, "per_likes": 1}}
REASON = {"reason": "one phone"}


@asynccontextmanager
async def reviewed_service(dsn: str, *, has_rules: bool = True) -> AsyncIterator[RunningService]:
    campaign = promise(terms=EACH_A_CENT).model_copy(
        update={"settlement": promise().settlement.model_copy(update={"threshold_minor": 50})}
    )
    async with running_service(dsn, campaign, judge_seconds=3600) as running:
        await create_tokens(running.service.pool)
        async with running.service.pool.acquire() as conn, conn.transaction():
            await conn.execute("SET LOCAL ROLE NONE")
            await add_reviewer(conn)
        if has_rules:
            await store_rules(running)
        yield running


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with reviewed_service(dsn) as running:
        yield running


async def add_reviewer(conn: Any) -> None:
    await tokens.store_token(conn, "token-of-rob", "rob", "reviewer", utc_now())


def people(number: int, name: str = "farm") -> list[str]:
    return [f"{name} {n}" for n in range(number)]


async def decide(
    server: RunningService,
    person: str,
    case: str,
    decision: str,
    body: Any = None,
    key: str | None = None,
    **query: str,
) -> tuple[int, Any]:
    path = f"/review/cases/{case}/{decision}"
    return await AdminClient(server, person).run_command(path, body or REASON, key or f"{person} {decision}", **query)


async def read_case(server: RunningService, case: str) -> Any:
    status, detail = await AdminClient(server, "al").read(f"/review/cases/{case}")
    assert status == 200, detail
    return detail


async def test_a_case_says_its_evidence_and_what_each_decision_costs(server: RunningService):
    await send_likes(server, people(20, "home"))
    case = await open_case(server, await send_likes(server, people(6)))
    detail = await read_case(server, case)
    assert detail["says"]["en"][:2] == [
        "6 accounts used one device, 6 of them within 7 days.",
        "The case has 6 likes of 6 accounts on 2022-04-10.",
    ]
    assert detail["says"]["zh"][0] == "6 个账号用过同一台设备，其中 6 个在 7 天之内。"
    assert (detail["likes"], detail["people"], detail["money"]["text"]) == (6, 6, "0.06")
    assert (detail["if_released"]["counted_likes"], detail["if_released"]["change"]["minor"]) == (6, 6)
    assert (detail["if_void"]["counted_likes"], detail["if_void"]["change"]["minor"]) == (0, 0)
    assert len(detail["likes_listed"]) == 6
    status, like = await AdminClient(server, "rita").read(f"/review/likes/{detail['likes_listed'][0]['receipt']}")
    assert (status, like["case"], like["verdict"]) == (200, case, "held")


@pytest.mark.parametrize(("decision", "state", "moved_minor"), [("release", "counted", 6), ("void", "void", 0)])
async def test_one_person_decides_a_small_case(server: RunningService, decision: str, state: str, moved_minor: int):
    case = await open_case(server, await send_likes(server, people(6)))
    status, response = await decide(server, "rita", case, decision)
    assert (status, response["state"]) == (200, "done")
    assert response["details"]["money_moved"]["minor"] == moved_minor
    assert await like_states(server) == {state: 6}
    detail = await read_case(server, case)
    assert [(step["action"], step["by"], step["likes"]) for step in detail["steps"]] == [(decision, "rita", 6)]


async def test_a_dry_run_says_what_moves_and_changes_nothing(server: RunningService):
    case = await open_case(server, await send_likes(server, people(6)))
    before = await read_case(server, case)
    status, response = await decide(server, "rita", case, "release", dry_run="true")
    assert (status, response["dry_run"], response["details"]["money_moved"]["minor"]) == (200, True, 6)
    after = await read_case(server, case)
    assert (after["hash"], after["state"], after["steps"]) == (before["hash"], "open", [])
    assert await like_states(server) == {"quarantined": 6}


@pytest.mark.parametrize(
    ("likes", "kind", "decision", "reason"),
    [
        (101, None, "void", "the case has many likes"),
        (60, None, "release", "the case is about much money"),
        (60, None, "void", "the case is about much money"),
        (6, COUNTING, "void", "likes that count become void"),
        (6, BREAKER, "void", "likes that count become void"),
    ],
)
async def test_what_takes_a_second_person(server: RunningService, likes: int, kind: Any, decision: str, reason: str):
    options = {} if kind is None else {"kind": kind}
    case = await open_case(server, await send_likes(server, people(likes)), **options)
    status, response = await decide(server, "rita", case, decision)
    assert (status, response["state"], response["approval_reason"]) == (202, "pending", reason)
    assert (await read_case(server, case))["state"] == "open"
    refused, _ = await AdminClient(server, "rita").approve(response["proposal"])
    assert refused == 409
    status, _ = await AdminClient(server, "rob").approve(response["proposal"])
    assert status == 200
    detail = await read_case(server, case)
    [step] = detail["steps"]
    assert (step["by"], step["approved_by"], step["likes"]) == ("rita", "rob", likes)


async def test_likes_that_count_stay_so_when_one_person_releases_their_case(server: RunningService):
    case = await open_case(server, await send_likes(server, people(6)), kind=COUNTING)
    status, response = await decide(server, "rita", case, "release")
    assert (status, response["details"]["counts"]) == (200, {})
    assert await like_states(server) == {"counted": 6}
    rows = await server.service.pool.fetch("SELECT DISTINCT verdict::text, decided_by FROM verdicts")
    assert [tuple(row) for row in rows] == [("released", "people")]


async def test_an_approval_is_refused_once_the_case_has_other_likes(server: RunningService):
    likes = await send_likes(server, people(101))
    case = await open_case(server, likes)
    _, response = await decide(server, "rita", case, "void")
    async with server.service.pool.acquire() as conn:
        await conn.execute("DELETE FROM case_likes WHERE person = (SELECT min(person) FROM case_likes)")
    status, problem = await AdminClient(server, "rob").approve(response["proposal"])
    assert (status, problem["code"]) == (409, "proposal_outcome_changed")
    assert (await read_case(server, case))["state"] == "open"


async def test_a_stale_hash_is_refused(server: RunningService):
    case = await open_case(server, await send_likes(server, people(6)))
    status, problem = await decide(server, "rita", case, "void", {**REASON, "hash": "0" * 64})
    assert (status, problem["code"]) == (409, "case_has_changed")


async def test_others_may_restore_void_likes_but_nobody_decides_twice(server: RunningService):
    case = await open_case(server, await send_likes(server, people(6)))
    await decide(server, "rita", case, "void")
    status, problem = await decide(server, "rob", case, "release")
    assert (status, problem["code"]) == (409, "case_already_decided")
    body = {**REASON, "hash": (await read_case(server, case))["hash"]}
    status, problem = await decide(server, "rita", case, "release", body, "again")
    assert (status, problem["code"]) == (409, "case_decided_by_same_person")
    status, response = await decide(server, "rob", case, "release", body, "again")
    assert (status, response["approval_reason"]) == (202, "void likes count again")
    status, problem = await AdminClient(server, "rita").approve(response["proposal"])
    assert (status, problem["code"]) == (409, "case_decided_by_same_person")
    assert (await AdminClient(server, "olga").approve(response["proposal"]))[0] == 200
    assert await like_states(server) == {"counted": 6}


async def test_of_two_decisions_at_once_one_counts(server: RunningService):
    case = await open_case(server, await send_likes(server, people(6)))
    results = await asyncio.gather(decide(server, "rita", case, "release"), decide(server, "rob", case, "void"))
    assert sorted(status for status, _ in results) == [200, 409]
    assert len((await read_case(server, case))["steps"]) == 1


async def test_a_repeated_key_decides_once(server: RunningService):
    case = await open_case(server, await send_likes(server, people(6)))
    first = await decide(server, "rita", case, "void", key="one")
    assert await decide(server, "rita", case, "void", key="one") == first
    assert len((await read_case(server, case))["steps"]) == 1


async def test_notes_decide_nothing(server: RunningService):
    case = await open_case(server, await send_likes(server, people(6)))
    status, _ = await decide(server, "rita", case, "note", {"note": "asked the platform"})
    detail = await read_case(server, case)
    assert (status, detail["state"], detail["steps"][0]["note"]) == (200, "open", "asked the platform")


async def test_a_released_like_over_its_daily_limit_moves_no_money(dsn: str):
    async with running_service(dsn, promise(terms={**EACH_A_CENT, "likes_per_person_per_day": 1})) as server:
        await create_tokens(server.service.pool)
        await store_rules(server)
        likes = await send_likes(server, ["ann", "ben"], "first")
        case = await open_case(server, likes)
        await send_likes(server, ["ann"], "second")
        await server.tick()
        detail = await read_case(server, case)
        assert (detail["if_released"]["counted_likes"], detail["money"]["minor"]) == (1, 1)
        _, response = await decide(server, "rita", case, "release", dry_run="true")
        assert response["details"]["money_moved"]["minor"] == 1


async def test_under_a_daily_cap_a_case_is_about_what_the_cap_leaves(dsn: str):
    async with running_service(dsn, promise(terms={**EACH_A_CENT, "daily_cap_minor": 3})) as server:
        await create_tokens(server.service.pool)
        await store_rules(server)
        await send_likes(server, people(5, "home"))
        case = await open_case(server, await send_likes(server, people(6)))
        assert (await read_case(server, case))["money"]["minor"] == 0
        assert (await decide(server, "rita", case, "void"))[0] == 200  # no money: one person


async def test_the_queue_has_the_most_money_first_and_a_stable_cursor(server: RunningService):
    sizes = {n: await open_case(server, await send_likes(server, people(n, f"farm {n}"))) for n in (3, 9, 6)}
    old = await open_case(
        server, await send_likes(server, people(2, "old")), rule="pace.burst", age=timedelta(days=9)
    )
    expected = [sizes[9], sizes[6], sizes[3], old]
    rita = AdminClient(server, "rita")
    listed, query = [], dict[str, str]()
    while True:
        _, page = await rita.read("/review/cases", limit="1", **query)
        listed += [row["case"] for row in page["cases"]]
        if page["next"] is None:
            break
        query = {"cursor": page["next"]}
    assert listed == expected
    await decide(server, "rita", sizes[6], "void")
    before = (await read_case(server, sizes[3]))["opened_at"]
    for filters, cases in (
        ({"state": "open"}, [sizes[9], sizes[3], old]),
        ({"state": "closed"}, [sizes[6]]),
        ({"family": "pace"}, [old]),
        ({"campaign": SLUG, "money_from_minor": "5"}, [sizes[9], sizes[6]]),
        ({"campaign": "nowhere"}, []),
        ({"opened_before": before.replace("+00:00", "Z"), "family": "pace"}, [old]),
    ):
        _, page = await rita.read("/review/cases", **filters)
        assert [row["case"] for row in page["cases"]] == cases, filters
    status, problem = await rita.read("/review/cases", money_from_minor="-1")
    assert (status, problem["faults"][0]["code"]) == (422, "filter_amount")


async def test_cases_of_the_same_people_name_each_other(server: RunningService):
    first = await open_case(server, await send_likes(server, people(6), "one"))
    second = await open_case(server, await send_likes(server, people(4), "two"))
    detail = await read_case(server, first)
    assert [(row["case"], row["people"]) for row in detail["people_in_other_cases"]] == [(second, 4)]


async def test_the_likes_of_a_case_come_in_pages(server: RunningService):
    case = await open_case(server, await send_likes(server, people(60)))
    detail = await read_case(server, case)
    assert len(detail["likes_listed"]) == 50
    _, page = await AdminClient(server, "al").read("/review/likes", cursor=detail["likes_next"])
    assert len(page["likes"]) == 10
    assert not {row["person"] for row in page["likes"]} & {row["person"] for row in detail["likes_listed"]}


async def test_voiding_a_settled_like_is_set_off_against_later_pledges(dsn: str):
    async with reviewed_service(dsn, has_rules=False) as server:
        await send_likes(server, people(20, "home"))
        farm = await send_likes(server, people(6))
        await server.tick()
        settlement = {"upto": "2022-04-18"}
        _, settled = await AdminClient(server, "fay").run_command(f"/campaigns/{SLUG}/settlements", settlement)
        assert [row["total_minor"] for row in settled["after"].values()] == [26]
        await store_rules(server)
        case = await open_case(server, farm, kind=COUNTING)
        _, response = await decide(server, "rita", case, "void")
        assert response["details"]["money_moved"]["minor"] == -6
        assert (await AdminClient(server, "rob").approve(response["proposal"]))[0] == 200
        await server.tick()
        counts = await server.service.pool.fetchrow("SELECT sum(counted)::int, sum(void)::int FROM day_counts")
        assert tuple(counts) == (20, 6)
        await send_likes(server, people(7, "late"))
        await server.tick()
        async with server.service.pool.acquire() as conn:
            balances = await campaign_balances(conn, SLUG)
        assert (balances.settled_minor, balances.pledged.minor) == (26, 1)  # 20 + 7 are due
