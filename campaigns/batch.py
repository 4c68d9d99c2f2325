"""T1: one transaction records the likes of many deliveries. Read, decide, write; then, and only then, answer.

Concurrency is optimistic: if another transaction changed one of the likes between reading and writing, fewer rows are
written than were decided, the whole is rolled back and done again. Locks are taken in one order (campaigns by id;
within one the persons' days, new likes, known likes, each sorted), so that transactions never wait in a circle.
"""

import secrets
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import asyncpg
import orjson

from campaigns.batch_tree import BatchLike, Tree, build
from campaigns.catalogue import Campaign
from campaigns.decision import (
    Change,
    Decision,
    Key,
    Place,
    Tallies,
    allot,
    decide,
    places,
    put_over_limit,
    tally,
)
from campaigns.likes import Incoming, Like, Outcome, State
from sql import Connection, query

BUCKET = 0  # one bucket on one PostgreSQL; a batch never spans two (design, section 9)
NONCE_KEY_BYTES = 32

_KNOWN_LIKES = query("known_likes")
_INSERT_LIKES = query("insert_likes")
_UPDATE_LIKES = query("update_likes")
_ENTER_PERSON_DAYS = query("enter_person_days")
_LEAVE_PERSON_DAYS = query("leave_person_days")
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
    """What became of a batch: an outcome for each arrival; the tree's key and places, for receipts."""

    outcomes: list[Outcome]
    nonce_key: bytes
    positions: dict[Key, int]


async def write(conn: Connection, batch: Batch) -> Written:
    """Record one campaign's batch; joins the caller's transaction. Raises Raced."""
    known = await _read_known(conn, batch)
    decision = decide(batch.arrived, known, times_matter=not batch.campaign.keeps_likes)
    promotions = await _apply_limits(conn, batch, decision)
    order = sorted(decision.changes)
    counted = [key for key in order if decision.changes[key].after.state is State.COUNTED and _begins(decision, key)]
    positions = {key: position for position, key in enumerate(counted)}
    await _insert(conn, batch, [(k, c.after) for k in order if (c := decision.changes[k]).before is None], positions)
    await _update(conn, batch, [(k, c) for k in order if (c := decision.changes[k]).before is not None], positions)
    promoted = await _promote(conn, batch, promotions, len(positions))
    leaves = [BatchLike(key[1], key[0], decision.changes[key].after.event_at) for key in counted]
    nonce_key = secrets.token_bytes(NONCE_KEY_BYTES)
    tree = build(nonce_key, leaves + [BatchLike(row["person"], row["content"], row["event_at"]) for row in promoted])
    tallies = tally(decision.changes.values(), decision.repeated)
    _tally_promoted(tallies, promoted)
    await _insert_batch(conn, batch, nonce_key, tree, tallies)
    return Written(decision.outcomes, nonce_key, positions)


def _begins(decision: Decision, key: Key) -> bool:
    """Tell whether the batch made the like count: it did not, or on another day, before."""
    before, after = decision.changes[key]
    return before is None or before.state is not State.COUNTED or before.day != after.day


async def _read_known(conn: Connection, batch: Batch) -> dict[Key, Like]:
    keys = sorted({key for key, _ in batch.arrived})
    contents, persons = [key[0] for key in keys], [key[1] for key in keys]
    rows = await conn.fetch(_KNOWN_LIKES, batch.campaign.campaign_id, contents, persons, BUCKET)
    return {keys[place - 1]: Like(_STATES[state], event_at, day) for place, state, event_at, day in rows}


async def _apply_limits(conn: Connection, batch: Batch, decision: Decision) -> list[tuple[bytes, date, int]]:
    """Give out the persons' places of the day; return where older likes move up, and how many."""
    limited = places(decision.changes, batch.campaign.limit_on)
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
    put_over_limit(decision, batch.arrived, over)
    return promotions


async def _move_person_days(
    conn: Connection, batch: Batch, limited: dict[tuple[bytes, date], Place]
) -> dict[tuple[bytes, date], int]:
    rows = [(person, day, limited[person, day].moves_by) for person, day in sorted(limited)]
    columns = list(zip(*rows, strict=True))
    moved = await conn.fetch(_ENTER_PERSON_DAYS, batch.campaign.campaign_id, BUCKET, *columns)
    if any(moves_by < 0 for _, _, moves_by in rows):
        moved += await conn.fetch(_LEAVE_PERSON_DAYS, batch.campaign.campaign_id, BUCKET, *columns)
    return {(person, day): live for person, day, live in moved}


async def _insert(conn: Connection, batch: Batch, fresh: list[tuple[Key, Like]], positions: dict[Key, int]) -> None:
    if not fresh:
        return
    status = await conn.execute(
        _INSERT_LIKES,
        batch.batch_id,
        batch.campaign.campaign_id,
        BUCKET,
        [like.event_at for _, like in fresh],
        [like.day for _, like in fresh],
        [positions.get(key) for key, _ in fresh],
        [like.state.value for _, like in fresh],
        [key[1] for key, _ in fresh],
        [key[0] for key, _ in fresh],
    )
    _expect(status, len(fresh))


async def _update(
    conn: Connection, batch: Batch, changed: list[tuple[Key, Change]], positions: dict[Key, int]
) -> None:
    if not changed:
        return
    rows = [
        (
            *key,
            before.event_at,
            before.state.value,
            after.event_at,
            after.day,
            positions.get(key),
            after.state.value,
        )
        for key, (before, after) in changed
        if before is not None
    ]
    columns = zip(*rows, strict=True)
    status = await conn.execute(_UPDATE_LIKES, batch.batch_id, batch.campaign.campaign_id, BUCKET, *columns)
    _expect(status, len(changed))


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


def _tally_promoted(tallies: Tallies, promoted: list[asyncpg.Record]) -> None:
    moved = [
        Change(
            Like(State.OVER_LIMIT, row["event_at"], row["day"]),
            Like(State.COUNTED, row["event_at"], row["day"]),
        )
        for row in promoted
    ]
    for day, counts in tally(moved, {}).items():
        tallies.setdefault(day, counts.__class__()).update(counts)


async def _insert_batch(conn: Connection, batch: Batch, nonce_key: bytes, tree: Tree, tallies: Tallies) -> None:
    shown = {"days": tallies, "refused": {batch.day: batch.refused} if batch.refused else {}}
    await conn.execute(
        _INSERT_BATCH,
        batch.batch_id,
        batch.campaign.campaign_id,
        BUCKET,
        len(tree.leaves) // 32,
        tree.root,
        nonce_key,
        tree.leaves,
        orjson.dumps(shown, option=orjson.OPT_NON_STR_KEYS).decode(),
    )
