"""Erased people: their likes count once, whatever is sent again, and nothing stored names them."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from admin_client import AdminClient, create_tokens
from campaigns.authenticity.observation_pack import unpack
from campaigns.catalogue import cache
from campaigns.intake.like_state import LikeVerdict
from campaigns.pledging import budget
from running_service import DAY, KEYS, SLUG, RunningService, like, promise, running_service
from sql import Connection
from verdicts import campaign_of, decide

ERASED = "u-48213-雪"
LATER = DAY + timedelta(minutes=1)
JUDGED = promise(rules="standard")
LIMIT_2 = promise(terms={"likes_per_person_per_day": 2})
CONTENTS = [like(ERASED, content, at=DAY + timedelta(seconds=n)) for n, content in enumerate("abcd")]


async def request_erasure(
    service: RunningService, person: str = ERASED, key: str = "", **query: str
) -> tuple[int, dict[str, Any]]:
    service.sent_count += 1
    body, path = {"platform": "kuai", "person": person}, f"/campaigns/{SLUG}/people/forget"
    return await AdminClient(service, "olga").run_command(path, body, key or f"k{service.sent_count}", **query)


async def forget(service: RunningService, person: str = ERASED, **query: str) -> dict[str, Any]:
    status, response = await request_erasure(service, person, **query)
    assert status == 200, response
    return response


async def figures(service: RunningService, owner: Connection) -> tuple[int, int, int]:
    """Return counted likes, the money pledged and the number of people."""
    counts = await service.day_counts()
    people = await owner.fetchval("SELECT count(DISTINCT person) FROM likes WHERE state = 'counted'")
    return counts["counted"], await service.pledged_minor(), people


@pytest.fixture
async def service(dsn: str, request: pytest.FixtureRequest) -> Any:
    terms = request.param if hasattr(request, "param") else promise()
    async with running_service(dsn, terms) as running:
        await create_tokens(running.service.pool)
        yield running


@pytest.mark.parametrize("service", [promise(), LIMIT_2], ids=["no limit", "limit of two"], indirect=True)
async def test_erasing_and_sending_again_never_counts_again(service: RunningService, owner: Connection):
    await service.send([*CONTENTS, like("another")])
    before = await figures(service, owner)
    for _ in range(3):
        await forget(service)
        response = await service.send(CONTENTS[::-1])
        assert response.outcomes == {"duplicate": len(CONTENTS)}
        assert await figures(service, owner) == before


@pytest.mark.parametrize("service", [JUDGED], ids=["judged"], indirect=True)
async def test_an_erasure_leaves_no_observation_and_moves_the_verdicts(service: RunningService, owner: Connection):
    pseudonym = (await campaign_of(service)).pseudonymiser("kuai")(ERASED)
    watched = {"watch_ms": 1, "duration_ms": 2, "device": "d"}
    await service.send([*CONTENTS, like("another", signals=watched)])
    await service.send([like(ERASED, "a", at=LATER, signals=watched)])  # a repeat is observed too
    await decide(service, LikeVerdict.HELD, [("a", ERASED), ("b", ERASED), ("3431182", "another")])
    await open_case_and_appeal(owner, pseudonym)
    await forget(service)
    rows = await owner.fetch("SELECT likes, packed FROM observations")
    assert [row["likes"] for row in rows] == [1]
    assert [observation.watch_ms for observation in unpack(rows[0]["packed"])] == [1]
    for table in ("likes", "verdicts", "case_likes", "appeals"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table} WHERE person = $1", pseudonym) == 0, table
    states = await owner.fetch("SELECT state::text AS state, count(*) AS likes FROM likes GROUP BY 1")
    assert {row["state"]: row["likes"] for row in states} == {"counted": 2, "quarantined": 3}


async def open_case_and_appeal(owner: Connection, pseudonym: bytes) -> None:
    """Store a case about the person's like of content a, and an appeal."""
    await owner.execute(
        """INSERT INTO cases (case_id, campaign_id, ruleset, rule, family, is_counting, evidence, opened_at, due_at)
        SELECT 'cas_1', campaign_id, 1, 'r', 'device', false, '{}', now(), now() FROM campaigns"""
    )
    likes = "INSERT INTO case_likes (campaign_id, bucket, content, person, day, case_id) "
    await owner.execute(
        likes + "SELECT campaign_id, bucket, content, person, day, 'cas_1' FROM likes WHERE content = 'a'"
    )
    await owner.execute(
        """INSERT INTO appeals (
            appeal_id, campaign_id, bucket, content, person, platform_id, verdict_at, message, opened_at
        )
        SELECT 'apl_1', campaign_id, bucket, content, person, platform_id, decided_at, 'm', now()
        FROM verdicts CROSS JOIN platforms WHERE content = 'a' AND person = $1""",
        pseudonym,
    )


CASES: dict[str, tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]], dict[str, int]]] = {
    "an unlike": ([like(ERASED)], [like(ERASED, action="unlike", at=LATER)], {"duplicate": 1}),
    "an unlike and a new like": (
        [like(ERASED)],
        [like(ERASED, action="unlike", at=LATER), like(ERASED, at=LATER + timedelta(minutes=1))],
        {"duplicate": 2},
    ),
    "a withdrawn like, sent again": (
        [like(ERASED), like(ERASED, action="unlike", at=LATER)],
        [like(ERASED, at=LATER + timedelta(minutes=1))],
        {"duplicate": 1},
    ),
    "the like three times, beside another person's": (
        [like(ERASED)],
        [like(ERASED), like(ERASED), like("another"), like(ERASED)],
        {"counted": 1, "duplicate": 3},
    ),
    "other content": ([like(ERASED)], [like(ERASED, "other content")], {"counted": 1}),
}


@pytest.mark.parametrize(("sent", "sent_later", "outcomes"), CASES.values(), ids=CASES)
async def test_events_after_the_erasure(
    service: RunningService,
    sent: Sequence[dict[str, Any]],
    sent_later: Sequence[dict[str, Any]],
    outcomes: dict[str, int],
):
    await service.send(sent)
    before = (await service.day_counts()).get("counted", 0)
    await forget(service)
    assert (await service.send(sent_later)).outcomes == outcomes
    assert (await service.day_counts()).get("counted", 0) == before + outcomes.get("counted", 0)


async def test_the_same_delivery_gets_the_same_bytes_after_the_erasure(service: RunningService):
    first = await service.send(CONTENTS, "msg_again", "all")
    await forget(service)
    assert (await service.send(CONTENTS, "msg_again", "all")).body == first.body


async def test_an_erasure_among_running_writers_counts_every_like_once(service: RunningService):
    async def write(number: int) -> None:
        await service.send([like(str(n), "abc"[number % 3]) for n in range(20)], f"w{number}", "none")

    async with asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(write(number))
            if number % 4 == 1:
                group.create_task(forget(service, str(number)))
    assert (await service.day_counts())["counted"] == 3 * 20


async def test_the_audit_row_names_campaign_and_count_and_nothing_names_the_person(
    service: RunningService, owner: Connection
):
    await service.send(CONTENTS)
    dry = await forget(service, dry_run="true")
    assert (dry["dry_run"], dry["after"], dry["audit"]) == (True, {"platform": "kuai", "erased_likes": 4}, None)
    assert await owner.fetchval("SELECT count(*) FROM like_tombstones") == 0
    assert (await service.send(CONTENTS[:1])).outcomes == {"duplicate": 1}
    await forget(service)
    row = await owner.fetchrow("SELECT by, command, subject, after FROM audit_log")
    assert tuple(row) == (
        "olga",
        "person.forget",
        f"campaign/{SLUG}",
        '{"platform":"kuai","erased_likes":4}',
    )
    assert await owner.fetchval("SELECT count(*) FROM like_tombstones") == 4
    tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    texts = [await owner.fetchval(f"SELECT string_agg(t::text, ' ') FROM {table['tablename']} t") for table in tables]
    assert ERASED not in " ".join(text or "" for text in texts)
    assert await owner.fetchval("SELECT count(*) FROM likes JOIN like_tombstones ON digest = person") == 0


async def test_a_repeated_key_erases_once_and_another_person_is_refused(service: RunningService):
    await service.send(CONTENTS)
    first = await request_erasure(service, key="once")
    assert await request_erasure(service, key="once") == first
    assert (await request_erasure(service, "somebody else", key="once"))[0] == 409


async def test_closing_the_campaign_deletes_the_tombstones(service: RunningService, owner: Connection):
    await service.send(CONTENTS)
    await forget(service)
    async with service.service.pool.acquire() as conn, conn.transaction():
        campaign = (await cache.read_catalogue(conn, KEYS.pseudonym)).campaigns[SLUG]
        await budget.close_campaign(conn, campaign, campaign.calendar.ends_at)
    assert await owner.fetchval("SELECT count(*) FROM like_tombstones") == 0
    assert (await service.send(CONTENTS)).outcomes == {"not_running": 4}
    assert (await forget(service))["after"]["erased_likes"] == 0
    assert await owner.fetchval("SELECT count(*) FROM like_tombstones") == 0
