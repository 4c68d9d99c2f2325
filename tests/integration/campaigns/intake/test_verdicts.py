"""Verdicts of rules and people: states, places of the daily limit, counts, and races with intake."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from campaigns.intake.like_state import LikeVerdict
from campaigns.promise.calendar import local_day, to_microseconds
from ledger.log.leaf_schemas import read_leaf
from like_oracle import OracleEvent, work_out
from running_service import DAY, RunningService, like, promise, running_service
from sql import Connection
from verdicts import campaign_of, decide, store_ruleset, verdict_leaves

HELD, CLEARED, RELEASED, VOID = LikeVerdict
SHANGHAI = ZoneInfo("Asia/Shanghai")
TODAY = local_day(DAY, SHANGHAI)
ONE_A_DAY = {"likes_per_person_per_day": 1}
LATER = DAY + timedelta(minutes=1)


async def states(owner: Connection) -> dict[str, str]:
    """Return the states of Ann's likes by content."""
    return {row[0]: row[1] for row in await owner.fetch("SELECT content, state::text FROM likes ORDER BY content")}


async def like_in_turn(service: RunningService, contents: str, person: str = "ann") -> None:
    await service.send([like(person, content, at=DAY + timedelta(seconds=n)) for n, content in enumerate(contents)])


async def test_a_verdict_moves_the_count_of_its_like_and_back(dsn: str, owner: Connection):
    async with running_service(dsn) as service:
        await store_ruleset(owner)
        await like_in_turn(service, "abc")
        assert (await service.day_counts())["counted"] == 3
        applied = await decide(service, HELD, [("a", "ann"), ("b", "ann"), ("unknown", "ann")])
        assert applied == (2, {TODAY: {"counted": -2, "quarantined": 2}})
        assert await service.day_counts() == {"counted": 1, "quarantined": 2}
        assert await decide(service, HELD, [("a", "ann")]) == (0, {})  # a repeat changes nothing
        await decide(service, CLEARED, [("a", "ann")])
        await decide(service, VOID, [("b", "ann")], by="people")
        assert await service.day_counts() == {"counted": 2, "void": 1}
        assert await decide(service, CLEARED, [("b", "ann")]) == (0, {})  # rules change nothing that people decided
        await decide(service, RELEASED, [("b", "ann")], by="people")
        assert await decide(service, HELD, [("b", "ann")]) == (0, {})
        assert await service.day_counts() == {"counted": 3}
        assert await service.pledged_minor() == 1


async def test_unlike_and_like_again_clear_no_verdict(dsn: str, owner: Connection):
    async with running_service(dsn) as service:
        await store_ruleset(owner)
        await like_in_turn(service, "ab")
        await decide(service, HELD, [("a", "ann")])
        await decide(service, VOID, [("b", "ann")], by="people")
        unlikes = await service.send([like("ann", content, "unlike", LATER) for content in "ab"])
        assert unlikes.outcomes == {"withdrawn": 2}
        again = await service.send([like("ann", content, at=LATER + timedelta(seconds=1)) for content in "ab"])
        assert again.outcomes == {"quarantined": 1, "void": 1}
        assert await states(owner) == {"a": "quarantined", "b": "void"}
        again = await service.send([like("ann", content, at=LATER + timedelta(seconds=2)) for content in "ab"])
        assert again.outcomes == {"duplicate": 2}


async def test_a_like_that_leaves_frees_a_place_and_one_that_returns_takes_it_if_free(dsn: str, owner: Connection):
    async with running_service(dsn, promise(terms=ONE_A_DAY)) as service:
        await store_ruleset(owner)
        await like_in_turn(service, "abc")
        applied = await decide(service, HELD, [("a", "ann"), ("b", "ann")])
        assert await states(owner) == {"a": "quarantined", "b": "quarantined", "c": "counted"}
        assert applied.moved == {TODAY: {"quarantined": 2, "over_limit": -2}}
        await decide(service, RELEASED, [("b", "ann")], by="people")  # earlier than c, so it counts
        assert await states(owner) == {"a": "quarantined", "b": "counted", "c": "over_limit"}
        await service.send([like("ann", "b", "unlike", LATER)])
        assert await states(owner) == {"a": "quarantined", "b": "withdrawn", "c": "counted"}
        await decide(service, VOID, [("b", "ann"), ("c", "ann")], by="people")  # b waits until it is liked again
        assert await states(owner) == {"a": "quarantined", "b": "withdrawn", "c": "void"}
        await decide(service, CLEARED, [("a", "ann")])
        assert await service.day_counts() == {"counted": 1, "withdrawn": 1, "void": 1}


async def test_the_leaf_and_the_counts_say_what_was_decided(dsn: str, owner: Connection):
    async with running_service(dsn) as service:
        await store_ruleset(owner)
        people = [("a", f"p{n}") for n in range(12)]
        await service.send([like(person, content) for content, person in people])
        await decide(service, HELD, people, families=("network", "device"))
        await decide(service, VOID, people[:2], by="people")
        leaves = [
            read_leaf(row["body"]) for row in await owner.fetch("SELECT body FROM leaf_queue WHERE kind = 'verdicts'")
        ]
        assert [leaf["size"] for leaf in leaves] == [12, 2]
        day = {"day": TODAY.isoformat(), "low_quality": 0, "released": 0}
        rules, people_row = {"decided_by": "rules"} | day, {"decided_by": "people"} | day
        assert (await verdict_leaves(owner))[0]["days"] == [
            rules | {"family": "device", "quarantined": 12, "void": 0}
        ]
        assert (await verdict_leaves(owner))[1]["days"] == [
            people_row | {"family": "device", "quarantined": 0, "void": 2},
            rules | {"family": "device", "quarantined": 10, "void": 0},
        ]


async def test_a_like_of_an_older_release_gets_its_leaf_when_it_counts(dsn: str, owner: Connection):
    async with running_service(dsn, promise(terms=ONE_A_DAY)) as service:
        await store_ruleset(owner)
        await like_in_turn(service, "abcd")
        await owner.execute("UPDATE likes SET lacks_leaf = true, position = position + 9 WHERE state = 'over_limit'")
        await owner.execute(
            """UPDATE like_batches SET positions = '{0}', leaves = substring(leaves FOR 32),
            root = substring(leaves FOR 32)"""
        )
        await decide(service, HELD, [("a", "ann")])
        await service.send([like("ann", "b", "unlike", LATER)])
        assert await states(owner) == {"a": "quarantined", "b": "withdrawn", "c": "counted", "d": "over_limit"}
        rows = await owner.fetch("SELECT content FROM likes WHERE lacks_leaf")
        assert [row["content"] for row in rows] == ["d"]


def draw_events(random: Random, people: int) -> list[OracleEvent]:
    """Return likes and unlikes of some people and contents on four days: many of the same like."""
    events = []
    for _ in range(people * 10):
        at = DAY + timedelta(days=random.randrange(4), seconds=random.randrange(3))
        person, content, is_like = f"p{random.randrange(people)}", random.choice("abcde"), random.random() < 0.7
        events.append(OracleEvent(content, person, is_like, to_microseconds(at), local_day(at, SHANGHAI)))
    return events


def to_json(event: OracleEvent) -> dict[str, object]:
    at = DAY.fromtimestamp(event.event_us / 1e6, UTC)
    return like(event.person, event.content, "like" if event.is_like else "unlike", at)


async def send_shuffled(service: RunningService, events: Sequence[OracleEvent], random: Random) -> None:
    rest = random.sample(events, len(events))
    while rest:
        size = random.choice((1, 3, 20))
        await service.send([to_json(event) for event in rest[:size]], results="none")
        rest = rest[size:]


async def decide_at_random(
    service: RunningService, keys: Sequence[tuple[str, str]], random: Random, turns: int
) -> None:
    for _ in range(turns):
        by_people = random.random() < 0.4
        verdict = random.choice([RELEASED, VOID] if by_people else [HELD, HELD, CLEARED])
        likes = random.sample(keys, random.randrange(1, len(keys)))
        families = tuple(random.sample(["device", "network", "pace"], 2))
        await decide(service, verdict, likes, by="people" if by_people else "rules", families=families)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limit", [None, 1, 2])
async def test_events_and_verdicts_that_race_end_as_the_oracle_says(
    dsn: str, owner: Connection, limit: int | None, seed: int
):
    random = Random(seed)
    events = draw_events(random, 12)
    keys = sorted({(event.content, event.person) for event in events})
    terms = promise(terms={"likes_per_person_per_day": limit} if limit else {})
    async with running_service(dsn, terms) as service:
        await store_ruleset(owner)
        await send_shuffled(service, events[: len(events) // 2], random)
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(send_shuffled(service, events[len(events) // 2 :][number::4], random))
            for _ in range(2):
                group.create_task(decide_at_random(service, keys, random, 6))
        pseudonym = (await campaign_of(service)).pseudonymiser(service.platform)
        users = {pseudonym(person): person for _, person in keys}
        rows = await owner.fetch("SELECT content, person, verdict::text AS verdict FROM verdicts")
        verdicts = {(row["content"], users[row["person"]]): row["verdict"] for row in rows}
        expected = work_out(events, limit, verdicts)
        stored = await owner.fetch("SELECT content, person, day, state::text AS state FROM likes")
        assert {
            (row["content"], users[row["person"]]): (row["day"], row["state"]) for row in stored
        } == expected.states
        assert await counts_by_day(service) == expected.counts
        assert verdicts


async def counts_by_day(service: RunningService) -> Counter[tuple[date, str]]:
    await service.tick()
    rows = await service.service.pool.fetch("SELECT * FROM day_counts")
    return +Counter(
        {
            (row["day"], name): likes
            for row in rows
            for name, likes in row.items()
            if name not in ("campaign_id", "day")
        }
    )
