"""Appeals of platforms, and what reviewers decide about them."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from admin_client import AdminClient, create_tokens
from campaigns.catalogue import cache
from campaigns.intake.erasure import erase_person
from campaigns.intake.like_state import LikeVerdict
from campaigns.review.appeals import count_appeals
from ops.admin.auth import tokens
from ops.cli import app
from ops.clock import utc_now
from ops.metrics import Metrics
from reviewed_cases import open_case
from running_service import KEYS, SLUG, HttpResponse, RunningService, like, promise, running_service
from verdicts import campaign_of, decide

MESSAGE = "The tablet belongs to our school."
REASON = {"reason": "the school confirms its tablet"}
EACH_A_CENT = {"rate": {"amount_minor": 1, "per_likes": 1}}


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    campaign = promise(terms=EACH_A_CENT, rules="standard")
    campaign = campaign.model_copy(
        update={"settlement": campaign.settlement.model_copy(update={"threshold_minor": 9})}
    )
    async with running_service(dsn, campaign, judge_seconds=3600) as running:
        await create_tokens(running.service.pool)
        async with running.service.pool.acquire() as conn, conn.transaction():
            await conn.execute("SET LOCAL ROLE NONE")
            await tokens.store_token(conn, "token-of-rob", "rob", "reviewer", utc_now())
        yield running


async def post(service: RunningService, *likes: Mapping[str, Any]) -> HttpResponse:
    body = json.dumps({"type": "likes.appeal", "timestamp": "2026-12-01T08:00:00Z", "data": {"likes": likes}})
    url, headers = f"{service.url}/v1/platforms/{service.platform}/appeals", service.sign_headers("m", body)
    async with service.http.post(url, data=io.BytesIO(body.encode()), headers=headers) as response:
        return HttpResponse(response.status, response.headers, await response.read())


async def appeal(service: RunningService, *people: str) -> list[dict[str, Any]]:
    members = {"campaign": SLUG, "content": "3431182", "message": MESSAGE}
    response = await post(service, *({**members, "person": person} for person in people))
    assert response.status == 200, response.body
    return list(response.json["appeals"])


async def send_and_decide(service: RunningService, verdict: LikeVerdict, *people: str) -> None:
    await service.send([like(person) for person in people])
    by = "rules" if verdict in (LikeVerdict.HELD, LikeVerdict.CLEARED) else "people"
    await decide(service, verdict, [("3431182", person) for person in people], by=by)  # type: ignore[arg-type]
    await service.tick()


async def state_of(service: RunningService) -> dict[str, int]:
    rows = await service.service.pool.fetch("SELECT state::text, count(*) FROM likes GROUP BY 1")
    return dict(rows)


async def review(service: RunningService, person: str, appeal_id: str, action: str, **query: str) -> tuple[int, Any]:
    path = f"/review/appeals/{appeal_id}/{action}"
    return await AdminClient(service, person).run_command(path, REASON, f"{person} {appeal_id} {action}", **query)


async def test_a_like_has_one_appeal_for_each_verdict_however_often_it_is_sent(service: RunningService):
    await send_and_decide(service, LikeVerdict.HELD, "ann", "bob")
    first, again = await appeal(service, "ann", "bob"), await appeal(service, "bob", "ann", "ann")
    assert [row["appeal"] for row in again] == [first[1]["appeal"], first[0]["appeal"], first[0]["appeal"]]
    assert all(row["appeal"].startswith("apl_") and row["code"] is None for row in first + again)
    at_once = await asyncio.gather(*(appeal(service, "ann", "bob") for _ in range(4)))
    assert {row["appeal"] for rows in at_once for row in rows} == {row["appeal"] for row in first}
    assert await service.service.pool.fetchval("SELECT count(*) FROM appeals") == 2


async def test_what_cannot_be_appealed_gets_a_code_and_the_others_go_on(service: RunningService):
    await send_and_decide(service, LikeVerdict.HELD, "held")
    await send_and_decide(service, LikeVerdict.RELEASED, "released")
    await send_and_decide(service, LikeVerdict.VOID, "void", "old")
    await service.service.pool.execute(
        "UPDATE verdicts SET decided_at = now() - interval '31 days' WHERE person = $1",
        (await campaign_of(service)).pseudonymiser(service.platform)("old"),
    )
    await service.send([like("counted"), like("suspect", signals={"watch_ms": 0, "account_age_days": 0})])
    rows = await appeal(service, "nobody", "counted", "released", "suspect", "old", "void", "held")
    assert [row["code"] for row in rows] == [
        "appeal_like_unknown",
        "appeal_without_verdict",
        "appeal_without_verdict",
        "appeal_before_verdict",
        "appeal_too_late",
        None,
        None,
    ]
    assert [row["index"] for row in rows] == list(range(7))
    assert all((row["appeal"] is None) == (row["reason"] is not None) for row in rows)


@pytest.mark.parametrize("message", ["", " \n", "x" * 1_001, "a\0b", "\x1b[31m", "\u202eb", 5])
async def test_a_message_has_one_to_a_thousand_characters(service: RunningService, message: Any):
    response = await post(service, {"campaign": SLUG, "content": "1", "person": "ann", "message": message})
    assert (response.status, response.json["code"]) == (422, "malformed_envelope")


async def test_an_upheld_appeal_releases_a_held_like_for_good(service: RunningService):
    await send_and_decide(service, LikeVerdict.HELD, "ann")
    [row] = await appeal(service, "ann")
    status, dry = await review(service, "rita", row["appeal"], "uphold", dry_run="true")
    assert (status, dry["details"]["money_moved"]["minor"], await state_of(service)) == (200, 1, {"quarantined": 1})
    status, response = await review(service, "rita", row["appeal"], "uphold")
    assert (status, response["state"], response["details"]["money_moved"]["minor"]) == (200, "done", 1)
    assert await state_of(service) == {"counted": 1}
    [stored] = await service.service.pool.fetch("SELECT verdict::text, stage, decided_by FROM verdicts")
    assert tuple(stored) == ("released", "appeal", "people")
    status, problem = await review(service, "rob", row["appeal"], "reject")
    assert (status, problem["code"]) == (409, "appeal_already_decided")
    [again] = await appeal(service, "ann")
    assert (again["appeal"], again["outcome"]) == (row["appeal"], "upheld")  # a repeat gets its appeal


async def test_a_rejected_appeal_leaves_the_verdict_and_its_repeat_says_so(service: RunningService):
    await send_and_decide(service, LikeVerdict.VOID, "ann")
    [row] = await appeal(service, "ann")
    status, response = await review(service, "rita", row["appeal"], "reject")
    assert (status, response["state"], await state_of(service)) == (200, "done", {"void": 1})
    [again] = await appeal(service, "ann")
    assert (again["appeal"], again["outcome"]) == (row["appeal"], "rejected")


async def test_two_people_restore_a_void_like(service: RunningService):
    await send_and_decide(service, LikeVerdict.VOID, "ann")
    [row] = await appeal(service, "ann")
    status, response = await review(service, "rita", row["appeal"], "uphold")
    assert (status, response["state"], await state_of(service)) == (202, "pending", {"void": 1})
    path = f"/proposals/{response['proposal']}"
    _, proposal = await AdminClient(service, "rob").read(path)
    body = {"hash": proposal["hash"]}
    assert (await AdminClient(service, "rita").run_command(f"{path}/approve", body, "own"))[0] == 409
    assert (await AdminClient(service, "rob").run_command(f"{path}/approve", body, "other"))[0] == 200
    assert await state_of(service) == {"counted": 1}
    _, page = await AdminClient(service, "al").read("/review/appeals", state="upheld")
    assert [(item["decided_by"], item["approved_by"]) for item in page["appeals"]] == [("rita", "rob")]


async def test_nobody_decides_an_appeal_against_their_own_decision(service: RunningService):
    await service.send([like("ann")])
    case = await open_case(service, [("3431182", "ann")])
    path = f"/review/cases/{case}/void"
    status, response = await AdminClient(service, "rita").run_command(path, {"reason": "one phone"}, "void")
    assert (status, response["state"]) == (200, "done")
    [row] = await appeal(service, "ann")
    for action in ("uphold", "reject"):
        status, problem = await review(service, "rita", row["appeal"], action)
        assert (status, problem["code"]) == (409, "appeal_against_own_decision")
    assert (await review(service, "rob", row["appeal"], "reject"))[0] == 200


async def test_the_list_has_pages_and_filters(service: RunningService):
    await send_and_decide(service, LikeVerdict.HELD, "ann", "bob", "cy")
    ids = {row["appeal"] for row in await appeal(service, "ann", "bob", "cy")}
    read, query = [], {"limit": "2"}
    for _ in range(2):
        _, page = await AdminClient(service, "rita").read("/review/appeals", **query)
        read += page["appeals"]
        query = {"limit": "2", "cursor": page["next"]}
    assert {row["appeal"] for row in read} == ids
    assert {(row["message"], row["verdict"], row["state"], row["platform"]) for row in read} == {
        (MESSAGE, "held", "open", service.platform)
    }
    assert {(await service.get(f"/v1/receipts/{row['receipt']}")).status for row in read} == {200}
    _, page = await AdminClient(service, "rita").read("/review/appeals", state="rejected")
    assert page["appeals"] == []
    status, problem = await review(service, "rita", f"apl_{'0' * 20}", "reject")
    assert (status, problem["code"]) == (404, "appeal_not_found")


async def test_the_metric_counts_appeals_by_outcome(service: RunningService):
    await send_and_decide(service, LikeVerdict.HELD, "ann", "bob", "cy")
    ids = [row["appeal"] for row in await appeal(service, "ann", "bob", "cy")]
    await review(service, "rita", ids[0], "uphold")
    await review(service, "rita", ids[1], "reject")
    metrics = Metrics()
    for _ in range(2):
        async with service.service.pool.acquire() as conn:
            metrics.record_appeals(await count_appeals(conn))
    samples = {"opened": 3, "upheld": 1, "rejected": 1}
    assert {
        name: metrics.registry.get_sample_value("like_ledger_appeals_total", {"outcome": name}) for name in samples
    } == samples


async def test_the_command_line_lists_and_decides_appeals(service: RunningService, dsn: str):
    await send_and_decide(service, LikeVerdict.HELD, "ann", "bob")
    first, second = [row["appeal"] for row in await appeal(service, "ann", "bob")]
    environment = {
        "LIKE_LEDGER_DATABASE_URL": dsn,
        "LIKE_LEDGER_PSEUDONYM_KEY": KEYS.pseudonym.hex(),
        "LIKE_LEDGER_WEBHOOK_KEY": KEYS.webhook.hex(),
    }

    async def run(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["review", *words], env=environment)

    who = ("--reason", "a class", "--as", "rita", "--token", "token-of-rita")
    assert "would be upheld" in (await run("uphold", first, *who, "--dry-run")).stdout
    assert (await run("uphold", first, *who)).stdout == "upheld\n1 likes; the amount due changes by 0.01\n"
    assert (await run("reject", second, *who)).exit_code == 0
    again = await run("reject", second, *who)
    assert (again.exit_code, "is decided already: rejected" in again.output) == (1, True)
    listed = json.loads((await run("appeals", "--json")).stdout)["appeals"]
    assert {row["appeal"]: row["state"] for row in listed} == {first: "upheld", second: "rejected"}


async def test_an_erasure_takes_the_words_of_an_appeal(service: RunningService):
    await send_and_decide(service, LikeVerdict.HELD, "ann")
    await appeal(service, "ann")
    campaign = await campaign_of(service)
    async with service.service.pool.acquire() as conn, conn.transaction():
        await cache.lock_and_bump_version(conn)
        await erase_person(conn, campaign, service.platform, "ann")
    assert await service.service.pool.fetchval("SELECT message FROM appeals") == "(erased)"
    assert [row["code"] for row in await appeal(service, "ann")] == ["appeal_like_unknown"]
