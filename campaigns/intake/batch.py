"""T1: one transaction records the likes of many deliveries. Claim, decide, write; then, and only then, answer.

Every like is inserted first; one that was there already waits for whoever brought it, and is decided by what is
known then. Locks are taken in one order (campaigns by id; within one new likes, the persons' days, known likes, each
sorted), so that transactions never wait in a circle. If a known like was changed between reading and writing, the
whole is rolled back and done again, alone.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import asyncpg
import orjson

from campaigns.catalogue.cache import Campaign
from campaigns.intake.batch_tree import BatchLike, Tree, build
from campaigns.intake.decide import (
    Arrivals,
    Change,
    Decision,
    Key,
    Place,
    Tallies,
    allot,
    decide,
    group,
    person_days,
    put_over_limit,
    tally,
)
from campaigns.intake.like_state import Incoming, Like, Outcome, State
from sql import Connection, query

BUCKET = 0  # one bucket on one PostgreSQL; a batch never spans two (design, section 9)
NONCE_KEY_BYTES = 32
SEPARATOR = "\x1f"  # of contents, which hold no control characters

_FIND_LIKES = query("find_likes")
_CLAIM_LIKES = query("claim_likes")
_MARK_OVER_LIMIT = query("mark_over_limit")
_UPDATE_LIKES = query("update_likes")
_ADD_TO_PERSON_DAYS = query("add_to_person_days")
_SUBTRACT_FROM_PERSON_DAYS = query("subtract_from_person_days")
_PROMOTE_LIKES = query("promote_likes")
_INSERT_BATCH = query("insert_batch")
_STATES = {state.value: state for state in State}


class Raced(Exception):
    """Another transaction changed what this one had read: roll back and do it again."""


class Batch(NamedTuple):
    """One campaign's part of a transaction."""

    batch_id: int
    campaign: Campaign
    arrived: Sequence[tuple[Key, Incoming]]
    refused: dict[str, int]  # likes refused before the table, by outcome
    day: date  # the campaign day now: where refusals are counted


class Written(NamedTuple):
    """What became of a batch: an outcome for each arrival; the rest is for receipts."""

    outcomes: list[Outcome]
    nonce_key: bytes
    counted: dict[Key, int]  # likes that the batch made count, and their places in it


async def write(conn: Connection, batch: Batch) -> Written:
    """Record one campaign's batch; joins the caller's transaction. Raises Raced."""
    arrivals = group(batch.arrived)
    keys = sorted(arrivals)
    decision = await _claim(conn, batch, arrivals, keys)
    promotions = await _apply_limits(conn, batch, arrivals, decision)
    await _mark_over_limit(conn, batch, decision)
    await _update(conn, batch, decision, keys)
    promoted = await _promote(conn, batch, promotions, len(keys))
    changes = decision.changes
    counted = {key: place for place, key in enumerate(keys) if key in changes and _begins(changes[key])}
    nonce_key = secrets.token_bytes(NONCE_KEY_BYTES)
    tree = build(nonce_key, _leaves(decision, counted, promoted))
    tallies = tally([*changes.values(), *map(_promotion, promoted)], decision.repeated.values())
    await _insert_batch(conn, batch, nonce_key, tree, tallies)
    return Written(decision.outcomes, nonce_key, counted)


def _leaves(decision: Decision, counted: dict[Key, int], promoted: list[asyncpg.Record]) -> list[BatchLike]:
    changes = decision.changes
    leaves = [BatchLike(place, key[1], key[0], changes[key].after.event_us) for key, place in counted.items()]
    return leaves + [BatchLike(r["position"], r["person"], r["content"], r["event_us"]) for r in promoted]


def _begins(change: Change) -> bool:
    """Tell whether the batch made the like count: it did not, or on another day, before."""
    before, after = change
    if after.state is not State.COUNTED:
        return False
    return before is None or before.state is not State.COUNTED or before.day != after.day


async def _claim(conn: Connection, batch: Batch, arrivals: Arrivals, keys: list[Key]) -> Decision:
    """Insert every like as if it were new; those that were not are read, and decided again by what is known.

    The insertion waits for transactions that brought the same likes, so what is read afterwards is settled.
    """
    decision = Decision([Outcome.INVALID] * len(batch.arrived))
    times_matter = not batch.campaign.keeps_likes
    decide(decision, arrivals, dict.fromkeys(keys), times_matter=times_matter)
    claimed = await _insert(conn, batch, [decision.changes[key].after for key in keys], keys)
    if len(claimed) < len(keys):
        mine = set(claimed)
        lost = [key for place, key in enumerate(keys) if place not in mine]
        decide(decision, arrivals, await _read_known(conn, batch, lost), times_matter=times_matter)
    return decision


async def _insert(conn: Connection, batch: Batch, likes: Sequence[Like], keys: Sequence[Key]) -> list[int]:
    """Return the places of the likes that were new."""
    claimed: list[int] = await conn.fetchval(
        _CLAIM_LIKES,
        batch.batch_id,
        batch.campaign.campaign_id,
        BUCKET,
        _array([like.event_us for like in likes]),
        _array([like.day.toordinal() if like.day else 0 for like in likes]),
        _array([like.state for like in likes]),
        b"".join([key[1] for key in keys]),
        SEPARATOR.join([key[0] for key in keys]),
    )
    return claimed


def _array(values: Iterable[object]) -> str:
    """Write an array as PostgreSQL reads it: asyncpg would look at each element several times."""
    return "{" + ",".join(map(str, values)) + "}"


async def _read_known(conn: Connection, batch: Batch, keys: Sequence[Key]) -> dict[Key, Like | None]:
    contents, persons = [key[0] for key in keys], [key[1] for key in keys]
    rows = await conn.fetch(_FIND_LIKES, batch.campaign.campaign_id, contents, persons, BUCKET)
    if len(rows) != len(keys):
        raise Raced
    return {keys[place - 1]: Like(_STATES[state], event_us, day) for place, state, event_us, day in rows}


async def _apply_limits(
    conn: Connection, batch: Batch, arrivals: Arrivals, decision: Decision
) -> list[tuple[bytes, date, int]]:
    """Give out the persons' places of the day; return where older likes move up, and how many."""
    if not batch.campaign.has_limits:
        return []
    limited = person_days(decision.changes, batch.campaign.limit_on)
    if not limited:
        return []
    live = await _move_person_days(conn, batch, limited)
    over: list[Key] = []
    promotions = []
    for (person, day), place in sorted(limited.items()):
        allotment = allot(place, live[person, day], batch.campaign.limit_on(day) or 0)
        over += allotment.over
        if allotment.promoted:
            promotions.append((person, day, allotment.promoted))
    put_over_limit(decision, arrivals, over)
    return promotions


async def _move_person_days(
    conn: Connection, batch: Batch, limited: dict[tuple[bytes, date], Place]
) -> dict[tuple[bytes, date], int]:
    rows = [(person, day, limited[person, day].moves_by) for person, day in sorted(limited)]
    columns = list(zip(*rows, strict=True))
    moved = await conn.fetch(_ADD_TO_PERSON_DAYS, batch.campaign.campaign_id, BUCKET, *columns)
    if any(moves_by < 0 for _, _, moves_by in rows):
        moved += await conn.fetch(_SUBTRACT_FROM_PERSON_DAYS, batch.campaign.campaign_id, BUCKET, *columns)
    return {(person, day): live for person, day, live in moved}


async def _mark_over_limit(conn: Connection, batch: Batch, decision: Decision) -> None:
    """New likes were inserted as if they counted: say of those over the limit that they do not."""
    over = [
        k for k, (before, after) in decision.changes.items() if before is None and after.state is State.OVER_LIMIT
    ]
    if over:
        columns = zip(*sorted(over), strict=True)
        await conn.execute(_MARK_OVER_LIMIT, batch.campaign.campaign_id, BUCKET, *columns)


async def _update(conn: Connection, batch: Batch, decision: Decision, keys: list[Key]) -> None:
    """Write known likes that changed, each only if it still is what was decided upon."""
    known = [(place, key, decision.changes[key]) for place, key in enumerate(keys) if key in decision.changes]
    rows = [
        (*key, before.event_us, before.state, after.event_us, after.day, after.state, place, _begins(change))
        for place, key, change in known
        for before, after in [change]
        if before is not None
    ]
    if rows:
        columns = zip(*rows, strict=True)
        status = await conn.execute(_UPDATE_LIKES, batch.batch_id, batch.campaign.campaign_id, BUCKET, *columns)
        _expect(status, len(rows))


def _expect(status: str, rows: int) -> None:
    if int(status.rsplit(" ", 1)[1]) != rows:
        raise Raced


async def _promote(
    conn: Connection, batch: Batch, promotions: list[tuple[bytes, date, int]], first_position: int
) -> list[asyncpg.Record]:
    if not promotions:
        return []
    columns = zip(*promotions, strict=True)
    campaign_id = batch.campaign.campaign_id
    rows = await conn.fetch(_PROMOTE_LIKES, batch.batch_id, campaign_id, BUCKET, first_position, *columns)
    if len(rows) != sum(count for _, _, count in promotions):
        raise Raced
    return sorted(rows, key=lambda row: row["position"])


def _promotion(row: asyncpg.Record) -> Change:
    before = Like(State.OVER_LIMIT, row["event_us"], row["day"])
    return Change(before, before._replace(state=State.COUNTED))


async def _insert_batch(conn: Connection, batch: Batch, nonce_key: bytes, tree: Tree, tallies: Tallies) -> None:
    shown = {"days": tallies, "refused": {batch.day: batch.refused} if batch.refused else {}}
    await conn.execute(
        _INSERT_BATCH,
        batch.batch_id,
        batch.campaign.campaign_id,
        BUCKET,
        tree.root,
        nonce_key,
        tree.positions,
        tree.leaves,
        orjson.dumps(shown, option=orjson.OPT_NON_STR_KEYS).decode(),
    )
