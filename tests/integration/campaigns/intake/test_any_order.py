"""Any events in any order, batching and number of senders end as the oracle says, on the real path."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.promise.calendar import local_day, to_microseconds
from like_oracle import Figures, OracleEvent, work_out
from running_service import DAY, RunningService, like, promise, running_service

SHANGHAI = ZoneInfo("Asia/Shanghai")
FAKE = {"account_age_days": 0, "watch_ms": 0}
SENDERS = 8
STATES = ("counted", "withdrawn", "quarantined", "void", "over_limit", "duplicate")


def draw_events(random: Random, people: int) -> list[dict[str, Any]]:
    """Return likes and unlikes of some people and contents on four days: many of the same like."""
    return [draw_event(random, f"p{random.randrange(people)}") for _ in range(people * 12)]


def draw_event(random: Random, person: str) -> dict[str, Any]:
    at = DAY + timedelta(days=random.randrange(4), seconds=random.randrange(3))
    if random.random() < 0.3:
        return like(person, random.choice("abcde"), "unlike", at)
    return like(person, random.choice("abcde"), at=at, **({"signals": FAKE} if random.random() < 0.1 else {}))


def to_oracle_event(event: dict[str, Any]) -> OracleEvent:
    at = DAY.fromisoformat(event["event_at"])
    person, is_like = event["person"], event["action"] == "like"
    day = local_day(at, SHANGHAI)
    return OracleEvent(event["content"], person, is_like, to_microseconds(at), day, "signals" in event)


async def send_from_many(service: RunningService, events: Sequence[dict[str, Any]], random: Random, tag: str) -> None:
    """Send the events shuffled, in deliveries of any size, from several senders at once."""
    shuffled = random.sample(events, len(events))

    async def send(number: int, part: Sequence[dict[str, Any]]) -> None:
        while part:
            size = random.choice((1, 2, 7, 40))
            response = await service.send(part[:size], f"{tag}-{number}-{len(part)}", "none")
            assert response.status == 200
            part = part[size:]

    async with asyncio.TaskGroup() as group:
        for number in range(SENDERS):
            group.create_task(send(number, shuffled[number::SENDERS]))


async def counts_by_day(service: RunningService) -> Counter[tuple[date, str]]:
    await service.tick()
    rows = await service.service.pool.fetch("SELECT * FROM day_counts")
    return +Counter({(row["day"], state): row[state] for row in rows for state in STATES})


async def assert_figures(service: RunningService, expected: Figures) -> None:
    assert await counts_by_day(service) == expected.counts
    rows = await service.service.pool.fetch(
        "SELECT day, state::text AS state, count(*) AS likes FROM likes GROUP BY 1, 2"
    )
    stored = Counter({(row["day"], row["state"]): row["likes"] for row in rows})
    assert stored == Counter(expected.states.values())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [None, 1, 2])
async def test_any_order_batching_and_number_of_senders(dsn: str, limit: int | None, seed: int) -> None:
    random = Random(seed)
    terms = {"likes_per_person_per_day": limit} if limit else {}
    events = draw_events(random, 25)
    events += random.choices(events, k=30)
    oracle_events = [to_oracle_event(event) for event in events]
    async with running_service(dsn, promise(terms=terms, rules="standard")) as service:
        await send_from_many(service, events, random, "first")
        await assert_figures(service, work_out(oracle_events, limit))
        await send_from_many(service, events, random, "again")
        await assert_figures(service, work_out(oracle_events * 2, limit))


async def test_the_likes_of_a_day_over_the_limit_are_its_latest(dsn: str) -> None:
    moments = [DAY + timedelta(seconds=n) for n in range(6)]
    events = [like("ann", content, at=at) for content, at in zip("abcdef", moments, strict=True)]
    async with running_service(dsn, promise(terms={"likes_per_person_per_day": 2})) as service:
        for event in reversed(events):
            await service.send([event])
        rows = await service.service.pool.fetch("SELECT content FROM likes WHERE state = 'counted' ORDER BY content")
        assert [row["content"] for row in rows] == ["a", "b"]
        await service.send([like("ann", "a", "unlike", DAY + timedelta(minutes=1))])
        rows = await service.service.pool.fetch("SELECT content FROM likes WHERE state = 'counted' ORDER BY content")
        assert [row["content"] for row in rows] == ["b", "c"]


MOVES = {
    "an earlier like moves it": ([1], [0], 0),
    "a later like does not": ([0], [1], 0),
    "a relike does not": ([1, -2], [3], 1),
}


@pytest.mark.parametrize(("before", "after", "day"), MOVES.values(), ids=MOVES)
async def test_the_day_of_a_like(dsn: str, before: list[int], after: list[int], day: int) -> None:
    def event(number: int) -> dict[str, Any]:
        return like("ann", action="unlike" if number < 0 else "like", at=DAY + timedelta(days=abs(number)))

    async with running_service(dsn) as service:
        for number in [*before, *after]:
            await service.send([event(number)])
        counts = await counts_by_day(service)
        counted = [counted_day for (counted_day, state), likes in counts.items() if state == "counted" and likes]
        assert counted == [local_day(DAY, SHANGHAI) + timedelta(days=day)]


@pytest.mark.parametrize(
    ("events", "counted"),
    [
        ([like("ann", c, "unlike", DAY + timedelta(minutes=1)) for c in "ab"], "c"),
        ([like("ann", "e", at=DAY - timedelta(minutes=1))], "e"),
        ([like("ann", c, at=DAY - timedelta(minutes=m)) for c, m in (("d", 2), ("e", 1))], "d"),
        ([like("ann", "e", at=DAY - timedelta(days=1)), like("ann", "a", at=DAY - timedelta(days=1))], "ab"),
    ],
    ids=["two leave", "the last one moves up", "two move up", "two move to another day"],
)
async def test_the_places_of_a_day_after_one_batch(dsn: str, events: list[dict[str, Any]], counted: str) -> None:
    """Ann liked a to e on one day, in this order, and one of them counts."""
    async with running_service(dsn, promise(terms={"likes_per_person_per_day": 1})) as service:
        await service.send([like("ann", content, at=DAY + timedelta(seconds=n)) for n, content in enumerate("abcde")])
        await service.send(events)
        rows = await service.service.pool.fetch("SELECT content FROM likes WHERE state = 'counted'")
        assert sorted(row["content"] for row in rows) == sorted(counted)
