"""`POST /v1/platforms/{platform}/likes/status`: what became of a platform's likes."""

import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from campaigns.authenticity.ruleset import default_ruleset
from campaigns.catalogue import cache, enrolment, platforms
from campaigns.intake.erasure import erase_person
from campaigns.intake.like_state import LikeVerdict
from ops.clock import utc_now
from running_service import DAY, SLUG, HttpResponse, RunningService, like, promise, running_service
from verdicts import DECIDED_AT, campaign_of, decide

PLATFORM = "kuai"
APPEAL_UNTIL = (DECIDED_AT + timedelta(days=30)).isoformat()
UNWATCHED = {"watch_ms": 0, "duration_ms": 9_000, "account_age_days": 0}

STATES = ["void", "quarantined", "counted", "counted", "withdrawn", "unknown", "quarantined"]
STATES += ["low_quality", "void", "over_limit"]


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    terms = {"likes_per_person_per_day": 2, "quality_from": 5}
    async with running_service(dsn, promise(terms=terms, rules="standard")) as running:
        yield running


def ask(person: str, content: str = "3431182", **members: str) -> dict[str, str]:
    return {"campaign": SLUG, "content": content, "person": person, **members}


async def post(
    service: RunningService, body: bytes, headers: Mapping[str, str], *, platform: str = PLATFORM, query: str = ""
) -> HttpResponse:
    url = f"{service.url}/v1/platforms/{platform}/likes/status{query}"
    async with service.http.post(url, data=io.BytesIO(body), headers=headers) as response:
        return HttpResponse(response.status, response.headers, await response.read())


def request_body(likes: Sequence[Mapping[str, Any]], **members: Any) -> str:
    return json.dumps(
        {"type": "likes.status", "timestamp": "2026-11-23T08:00:00Z", "data": {"likes": list(likes)}, **members}
    )


async def status(service: RunningService, *likes: Mapping[str, Any]) -> list[dict[str, Any]]:
    body = request_body(likes)
    response = await post(service, body.encode(), service.sign_headers("msg_status", body))
    assert response.status == 200, response.body
    assert response.headers["Cache-Control"] == "no-store"
    return list(response.json["likes"])


async def test_each_state_is_told_in_the_order_of_the_request(service: RunningService):
    watched = {"signals": {"watch_ms": 9_000, "duration_ms": 9_000}}
    await service.send([like("limited", f"video-{n}", at=DAY + timedelta(seconds=n), **watched) for n in range(3)])
    await service.send([like(name, **watched) for name in ("counted", "held", "void", "released", "gone")])
    await service.send([like("gone", action="unlike", at=DAY + timedelta(hours=1))])
    await service.send(
        [like("unwatched", signals=UNWATCHED), like("low", signals={**UNWATCHED, "account_age_days": 900})]
    )
    await decide(service, LikeVerdict.HELD, [("3431182", "held")])
    await decide(service, LikeVerdict.VOID, [("3431182", "void")], by="people")
    await decide(service, LikeVerdict.RELEASED, [("3431182", "released")], by="people")
    names = ["void", "held", "counted", "released", "gone", "nobody", "unwatched", "low", "void"]
    rows = await status(service, *(ask(name) for name in names), ask("limited", "video-2"))
    assert [row["state"] for row in rows] == STATES
    assert [row["index"] for row in rows] == list(range(10))
    people = {"families": ["device"], "ruleset": 1, "stage": "case", "decided_by": "people"}
    rules = {"families": ["device"], "ruleset": 1, "stage": "window", "decided_by": "rules"}
    nothing = {"families": [], "ruleset": None, "stage": None, "decided_by": None, "appeal_until": None}
    expected = [
        {**people, "appeal_until": APPEAL_UNTIL},
        {**rules, "appeal_until": APPEAL_UNTIL},
        nothing,
        {**people, "appeal_until": None},
        nothing,
        {**nothing, "day": None, "receipt": None},
        {**rules, "families": ["missing", "pace"], "stage": "intake", "appeal_until": None},
    ]
    for row, part in zip(rows, expected, strict=False):
        assert row == row | part
    assert all(row["day"] == "2022-04-10" for row in rows if row["state"] != "unknown")


async def test_the_receipts_are_those_of_the_deliveries(service: RunningService):
    people = [f"person-{number}" for number in range(200)]
    delivered = await service.send([like(person) for person in people], results="all")
    receipts = [result["receipt"] for result in delivered.json["results"]]
    assert [row["receipt"] for row in await status(service, *map(ask, people))] == receipts
    [row] = await status(service, ask("person-3"))
    proof = (await service.get(f"/v1/receipts/{row['receipt']}")).json
    assert proof["fate"] == row["state"]


async def test_an_unlike_that_came_alone_has_no_receipt(service: RunningService):
    await service.send([like("gone", action="unlike")])
    [row] = await status(service, ask("gone"))
    assert (row["state"], row["day"], row["receipt"]) == ("withdrawn", None, None)


async def test_an_erased_person_is_unknown_and_the_receipts_of_others_stay(service: RunningService):
    delivered = await service.send([like("erased"), like("other")], results="all")
    campaign = await campaign_of(service)
    async with service.service.pool.acquire() as conn, conn.transaction():
        await cache.lock_and_bump_version(conn)
        assert await erase_person(conn, campaign, service.platform, "erased") == 1
    erased, other, stranger = await status(service, ask("erased"), ask("other"), ask("stranger"))
    assert {**erased, "index": 2} == stranger
    assert other["receipt"] == delivered.json["results"][1]["receipt"]


async def test_a_platform_sees_its_own_likes_only(service: RunningService):
    await service.send([like("ann")])
    async with service.service.pool.acquire() as conn, conn.transaction():
        secret = await platforms.add_platform(conn, "second", service.service.keys.webhook)
    other = replace(service, platform="second", secret=secret)
    body = request_body([ask("ann")])
    answer = await post(service, body.encode(), other.sign_headers("m", body), platform="second")
    assert [row["state"] for row in answer.json["likes"]] == ["unknown"]
    assert (await post(service, body.encode(), other.sign_headers("m", body))).status == 401


async def test_a_campaign_may_be_left_out_where_the_content_is_enrolled(service: RunningService):
    await service.send([like("ann", "enrolled"), like("ann", "open")])
    campaign = await campaign_of(service)
    async with service.service.pool.acquire() as conn, conn.transaction():
        await enrolment.enrol_contents(conn, campaign, ["enrolled"])
    contents = [{"content": content, "person": "ann"} for content in ("enrolled", "open")]
    rows = await status(service, *contents, ask("ann", "open"), ask("ann", "open", campaign="no-such-campaign"))
    assert [row["state"] for row in rows] == ["counted", "unknown", "counted", "unknown"]


FAULTS = [
    ("not JSON", b"{", 400, None),
    ("another type", request_body([], type="likes"), 422, "type"),
    ("an unknown member", request_body([{**ask("ann"), "action": "like"}]), 422, "data.likes.0.action"),
    ("no person", request_body([{"content": "1"}]), 422, "data.likes.0.person"),
    ("a control character", request_body([ask("a\0")]), 422, "data.likes.0.person"),
    ("more than a thousand", request_body([ask("ann")] * 1_001), 422, "data.likes"),
    ("a member twice", request_body([ask("ann")]).replace('"content"', '"person": "bob", "content"'), 422, "person"),
    ("a body of 2 MiB", b" " * 2 * 1024 * 1024, 413, None),
]


@pytest.mark.parametrize(("body", "code", "path"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
async def test_a_faulty_request_is_refused_whole(service: RunningService, body: Any, code: int, path: str | None):
    text = body.decode() if isinstance(body, bytes) else body
    response = await post(service, text.encode(), service.sign_headers("msg", text))
    assert response.status == code, response.body
    assert response.headers["Content-Type"].startswith("application/problem+json")
    assert path is None or path in [fault["path"] for fault in response.json["faults"]]


async def test_every_wrong_signature_gets_the_same_answer(service: RunningService):
    body = request_body([ask("ann")])
    signed = service.sign_headers("msg", body)
    old = service.sign_headers("msg", body, utc_now() - timedelta(minutes=6))
    answers = [
        await post(service, body.encode(), {"Content-Type": "application/json"}),
        await post(service, body.encode() + b" ", signed),
        await post(service, body.encode(), old),
        await post(service, body.encode(), signed, platform="nobody"),
        await post(service, b"{", signed),
    ]
    assert {(answer.status, answer.body) for answer in answers} == {(401, answers[0].body)}


async def test_a_platform_that_was_disabled_a_moment_ago_is_refused(service: RunningService):
    await status(service, ask("ann"))
    async with service.service.pool.acquire() as conn, conn.transaction():
        await platforms.set_disabled_at(conn, service.platform, utc_now())
    body = request_body([ask("ann")])
    assert (await post(service, body.encode(), service.sign_headers("m", body))).status == 401


async def test_a_receipt_says_what_was_decided_and_why_without_a_rule_or_number(service: RunningService):
    receipts = {}
    for person in ("held", "void", "released", "counted"):
        receipts[person] = (await service.send([like(person)], results="all")).json["results"][0]["receipt"]
    rules = ("crowd.content", "crowd.content.light")
    await decide(service, LikeVerdict.HELD, [("3431182", "held")], families=("crowd",), rules=rules)
    await decide(service, LikeVerdict.VOID, [("3431182", "void")], by="people")
    await decide(service, LikeVerdict.RELEASED, [("3431182", "released")], by="people")
    responses = {name: await service.get(f"/v1/receipts/{receipt}") for name, receipt in receipts.items()}
    verdicts = {name: response.json["verdict"] for name, response in responses.items()}
    messages = {rule.id: rule.message.model_dump() for rule in default_ruleset().rules}
    assert verdicts["held"] == {
        "state": "held",
        "families": ["crowd"],
        "reason": messages["crowd.content"],
        "stage": "window",
        "ruleset": 1,
        "since": DECIDED_AT.isoformat(),
        "decided_by": "rules",
        "appeal_until": APPEAL_UNTIL,
    }
    states = {name: verdict and (verdict["state"], verdict["decided_by"]) for name, verdict in verdicts.items()}
    assert states == {
        "held": ("held", "rules"), "void": ("void", "people"), "released": ("released", "people"), "counted": None,
    }  # fmt: skip
    assert verdicts["released"]["appeal_until"] is None
    assert not any(rule.encode() in response.body for rule in messages for response in responses.values())
