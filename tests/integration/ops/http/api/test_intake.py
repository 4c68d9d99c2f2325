"""The intake over HTTP on a real PostgreSQL: every outcome, every refusal, and known pitfalls."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from campaigns.catalogue import platforms
from ops.clock import utc_now
from running_service import DAY, RunningService, like, promise, running_service


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, promise(rules="standard")) as running:
        yield running


async def test_a_like_counts_once_and_earns_its_part(service: RunningService) -> None:
    answer = await service.send([like("1"), like("2"), like("3")])
    assert answer.json == {"delivery": "msg_1", "received": 3, "outcomes": {"counted": 3}, "results": []}
    assert (await service.day_counts(), await service.pledged_minor()) == ({"counted": 3}, 1)


async def test_a_hundred_likes_at_a_third_earn_thirty_three(service: RunningService) -> None:
    for person in range(100):
        await service.send([like(str(person))])
        await service.tick()
    assert await service.pledged_minor() == 33


OUTCOMES = [
    ("a like", [like("1")], ["counted"]),
    ("the same like again", [like("1"), like("1")], ["counted", "duplicate"]),
    ("later again", [like("1"), like("1", at=DAY + timedelta(days=1))], ["counted", "duplicate"]),
    ("an unlike", [like("1"), like("1", action="unlike", at=DAY + timedelta(1))], ["counted", "withdrawn"]),
    ("an unlike at the same moment wins", [like("1"), like("1", action="unlike")], ["counted", "withdrawn"]),
    ("unlike first", [like("1", action="unlike"), like("1")], ["withdrawn", "older"]),
    ("a relike", [like("1", action="unlike"), like("1", at=DAY + timedelta(1))], ["withdrawn", "counted"]),
    ("before the campaign", [like("1", at=DAY - timedelta(days=9))], ["not_running"]),
    ("after the campaign", [like("1", at=DAY + timedelta(days=19))], ["not_running"]),
    ("an unknown campaign", [like("1") | {"campaign": "another"}], ["not_enrolled"]),
    ("no campaign, no enrolment", [{k: v for k, v in like("1").items() if k != "campaign"}], ["not_enrolled"]),
    ("ahead of the clock", [like("1", at=utc_now() + timedelta(days=1))], ["in_future"]),
    ("fake signals", [like("1", signals={"account_age_days": 0, "watch_ms": 0})], ["quarantined"]),
    ("no like", [like("1") | {"action": "love"}, like("2")], ["invalid", "counted"]),
    ("a naive time", [like("1") | {"event_at": "2022-04-10T04:00:00"}], ["invalid"]),
]


@pytest.mark.parametrize(("likes", "outcomes"), [case[1:] for case in OUTCOMES], ids=[case[0] for case in OUTCOMES])
@pytest.mark.parametrize("at_once", [True, False], ids=["one delivery", "a delivery per like"])
async def test_each_outcome(
    service: RunningService, likes: list[dict[str, object]], outcomes: list[str], at_once: bool
) -> None:
    if at_once:
        results = (await service.send(likes, results="all")).json["results"]
    else:
        results = [(await service.send([event], results="all")).json["results"][0] for event in likes]
    assert [result["outcome"] for result in results] == outcomes
    # A like has one receipt, from the event that brings it: counted or not, but never an unlike.
    assert len({result["receipt"] for result in results if "receipt" in result}) <= len(
        {(event["person"], event["content"]) for event in likes if event["action"] == "like"}
    )
    assert all(event["action"] == "like" for event, result in zip(likes, results, strict=True) if "receipt" in result)
    if not at_once:
        assert all("receipt" in result for result in results if result["outcome"] == "counted")
    assert all("reason" in result for result in results if result["outcome"] != "counted")


async def test_a_like_that_comes_too_late_or_is_kept(dsn: str) -> None:
    now = utc_now()
    recent = {
        "starts_at": now - timedelta(days=9),
        "ends_at": now + timedelta(days=9),
        "late_days": 2,
        "unlike": "keep",
    }
    async with running_service(dsn, promise(recent)) as service:
        likes = [like("1", at=now - timedelta(days=3)), like("2", at=now), like("2", action="unlike", at=now)]
        assert (await service.send(likes)).outcomes == {"counted": 1, "kept": 1, "too_late": 1}
        assert await service.day_counts() == {"counted": 1}


async def test_a_withdrawn_like_frees_the_persons_daily_limit(dsn: str) -> None:
    async with running_service(dsn, promise(terms={"likes_per_person_per_day": 2})) as service:
        first = await service.send([like("1", content) for content in "abcd"])
        assert first.outcomes == {"counted": 2, "over_limit": 2}
        assert await service.day_counts() == {"counted": 2, "over_limit": 2}
        assert (await service.send([like("1", "a", "unlike")])).outcomes == {"withdrawn": 1}
        assert await service.day_counts() == {"counted": 2, "over_limit": 1, "withdrawn": 1}
        assert (await service.send([like("1", "e", at=DAY + timedelta(days=1))])).outcomes == {"counted": 1}


async def test_results_are_all_those_not_counted_or_none(service: RunningService) -> None:
    likes = [like("1"), like("1"), like("2")]
    some = (await service.send(likes, "a")).json["results"]
    every = (await service.send(likes, "b", "all")).json["results"]
    assert [result["index"] for result in some] == [1]
    assert [result["index"] for result in every] == [0, 1, 2]
    assert (await service.send(likes, "c", "none")).json["results"] == []
    for wrong in ("most", "some", "all&results=none", "all&colour=red"):
        refused = await service.send(likes, "d", wrong)
        assert (refused.status, refused.json["code"]) == (400, "unknown_parameter"), wrong


@pytest.mark.parametrize(
    "text", [r'"nick\ud83d"', '"\n"', "NaN", "[" * 300 + "]" * 300, "9" * 5_000, '"1", "person": "2"']
)
async def test_a_like_that_no_parser_reads_spoils_no_other_of_its_delivery(
    service: RunningService, text: str
) -> None:
    likes = [like("1"), like("2"), like("@"), like("4"), like("5")]
    body = service.delivery_body(likes).replace('"@"', text)
    headers = service.sign_headers("mixed", body)
    answers = [await service.post(body.encode(), headers) for _ in range(2)]
    assert answers[0].outcomes == {"counted": 4, "invalid": 1}
    assert [result["index"] for result in answers[0].json["results"]] == [2]
    assert answers[1].body == answers[0].body


async def test_a_delivery_of_one_such_like_is_decided_too(service: RunningService) -> None:
    body = service.delivery_body([like("@")]).replace('"@"', r'"\ud83d"')
    answer = await service.post(body.encode(), service.sign_headers("single", body))
    assert answer.outcomes == {"invalid": 1}


async def test_a_refusal_reports_twenty_faults_and_counts_the_others(service: RunningService) -> None:
    body = json.dumps({"type": "likes", **{f"{'x' * 250}{number}": 1 for number in range(25)}})
    refused = await service.post(body.encode(), service.sign_headers("many", body))
    assert (refused.status, refused.json["code"]) == (422, "malformed_envelope")
    assert (len(refused.json["faults"]), refused.json["more_faults"]) == (20, 7)
    assert len(refused.body) < 10_000


async def test_a_bug_is_counted_for_the_alert(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ops.http.api.intake.parse_body_in_steps", fail)
    refused = await service.send([like("1")])
    assert (refused.status, refused.json["code"]) == (500, "internal_error")
    labels = {"problem": "internal-error"}
    registry = service.service.metrics.registry
    assert registry.get_sample_value("like_ledger_deliveries_refused_total", labels) == 1


async def test_a_redelivery_is_answered_byte_for_byte(service: RunningService) -> None:
    first = await service.send([like("1"), like("1")], "same")
    again = [await service.send([like("1"), like("1")], "same") for _ in range(2)]
    assert {answer.body for answer in again} == {first.body}
    assert await service.day_counts() == {"counted": 1, "duplicate": 1}


async def test_redeliveries_at_the_same_moment_are_one(service: RunningService) -> None:
    body = service.delivery_body([like(str(person)) for person in range(50)])
    headers = service.sign_headers("same", body)
    answers = await asyncio.gather(*(service.post(body.encode(), headers) for _ in range(20)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    assert await service.day_counts() == {"counted": 50}


async def test_a_webhook_id_with_another_body_is_a_conflict_and_keeps_nothing(service: RunningService) -> None:
    await service.send([like("1")], "same")
    assert (await service.send([like("2")], "same")).status == 409
    assert await service.day_counts() == {"counted": 1}


async def test_the_bytes_that_were_sent_are_what_is_verified(service: RunningService) -> None:
    tidy = json.loads(service.delivery_body([like("1", "é")]))
    spellings = [
        json.dumps(tidy, indent=3),
        json.dumps(tidy, ensure_ascii=False),
        json.dumps(dict(reversed(tidy.items()))),
        json.dumps(tidy).replace("é", "\\u00e9"),
    ]
    for number, body in enumerate(spellings):
        assert (await service.post(body.encode(), service.sign_headers(f"s{number}", body))).status == 200
    assert (await service.post(spellings[0].encode(), service.sign_headers("t", spellings[1]))).status == 401
    assert await service.day_counts() == {"counted": 1, "duplicate": 3}


REFUSED = [
    ("no signature", {"webhook-signature": ""}, 401),
    ("an empty signature", {"webhook-signature": "v1,"}, 401),
    ("a prefix of it", {"webhook-signature": "v1,QUJD"}, 401),
    ("no base64", {"webhook-signature": "v1,%%%"}, 401),
    ("garbage", {"webhook-signature": "garbage"}, 401),
    ("too many commas", {"webhook-signature": "v1,a,b"}, 401),
    ("an odd timestamp", {"webhook-timestamp": "1674087231.0"}, 401),
    ("a padded timestamp", {"webhook-timestamp": "1674_087231"}, 401),
    ("an old timestamp", {"webhook-timestamp": "1674087231"}, 401),
    ("an id that is too long", {"webhook-id": "m" * 201}, 401),
    ("another type", {"Content-Type": "text/plain"}, 415),
]


@pytest.mark.parametrize(("headers", "status"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_a_wrong_signature_or_type_is_refused(
    service: RunningService, headers: dict[str, str], status: int
) -> None:
    body = service.delivery_body([like("1")])
    answer = await service.post(body.encode(), service.sign_headers("m", body) | headers)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert await service.day_counts() == {}


async def test_every_refused_signature_gets_the_same_response(service: RunningService) -> None:
    body = service.delivery_body([like("1")])
    unknown = await service.post(body.encode(), service.sign_headers("m", body), platform="nobody")
    unsigned = await service.post(body.encode(), {"Content-Type": "application/json"})
    assert unknown.body == unsigned.body


async def test_a_malformed_signature_beside_a_valid_one_does_no_harm(service: RunningService) -> None:
    body = service.delivery_body([like("1")])
    headers = service.sign_headers("m", body)
    headers["webhook-signature"] = f"v1,%%%  garbage {headers['webhook-signature']}"
    assert (await service.post(body.encode(), headers)).status == 200


BODIES = [
    (b"not json", 400),
    (b"\xff\xfe", 400),
    (b"[]", 422),
    (b'{"type": "likes"}', 422),
    (b'{"type": "likes", "timestamp": "2026-11-23T08:00:00Z", "data": {"likes": []}, "more": 1}', 422),
    (b"[" * 100_000, 400),
    (b'{"a": 1e999999999}', 422),
    (json.dumps({"type": "likes", "timestamp": "2026-11-23T08:00:00Z", "data": {"likes": [1] * 1001}}).encode(), 422),
    (b" " * (1024 * 1024 + 1), 413),
]


@pytest.mark.parametrize(("body", "status"), BODIES)
async def test_a_body_that_is_not_an_envelope_is_refused_whole(
    service: RunningService, body: bytes, status: int
) -> None:
    secret = base64.b64decode(service.secret.removeprefix("whsec_"))
    headers = service.sign_headers("m", "")  # the library signs text only: these bytes are signed by hand
    signed_bytes = f"m.{headers['webhook-timestamp']}.".encode() + body
    headers["webhook-signature"] = "v1," + base64.b64encode(hmac.digest(secret, signed_bytes, "sha256")).decode()
    assert (await service.post(body, headers)).status == status
    assert await service.day_counts() == {}


async def test_a_rotated_secret_is_valid_at_once_beside_the_old_one(service: RunningService) -> None:
    old = service.secret
    async with service.service.pool.acquire() as conn, conn.transaction():
        service.secret = await platforms.rotate_secret(conn, "kuai", b"w" * 32)
    assert (await service.send([like("1")])).status == 200
    service.secret = old
    assert (await service.send([like("2")])).status == 200


async def test_a_dropped_secret_is_not_valid_any_more(service: RunningService) -> None:
    old = service.secret
    async with service.service.pool.acquire() as conn, conn.transaction():
        service.secret = await platforms.rotate_secret(conn, "kuai", b"w" * 32)
    async with service.service.pool.acquire() as conn, conn.transaction():
        await platforms.drop_old_keys(conn, "kuai")
    await service.tick()
    service.secret, new = old, service.secret
    assert (await service.send([like("1")])).status == 401
    service.secret = new
    assert (await service.send([like("1")])).status == 200


async def test_no_raw_user_id_reaches_a_row(service: RunningService) -> None:
    await service.send([like("a-telling-user-id"), like("a-telling-user-id", action="unlike")])
    await service.tick()
    tables = await service.service.pool.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = 'public'::regnamespace"
    )
    for table in tables:
        rows = await service.service.pool.fetch(f"SELECT t::text AS row FROM {table['relname']} t")
        assert not [row for row in rows if "a-telling-user-id" in row["row"] or "whsec" in row["row"]]


async def test_refused_likes_are_counted_durably(service: RunningService) -> None:
    await service.send([like("1", at=DAY - timedelta(days=9)), like("2") | {"campaign": "other"}, like("3")])
    await service.tick()
    rows = await service.service.pool.fetch("SELECT outcome, likes FROM refusal_counts")
    assert [tuple(row) for row in rows] == [("not_running", 1)]
