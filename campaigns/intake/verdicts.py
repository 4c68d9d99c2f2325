"""Verdicts of rules and people: what they do to stored likes, to places and to counts.

    read days ┃ lock persons' days → lock likes → verdict → place → update ┃ batch · verdicts · leaf

Locks are taken in T1's order (persons' days, then stored likes, each sorted), so that intake goes
on and never deadlocks. All likes that a place can pass to are locked before anything is decided:
nobody can keep a verdict off by sending events about its likes.
"""

import secrets
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from campaigns.batch_tallies import BatchTallies, CountsByDay, encode_tallies
from campaigns.catalogue.cache import Campaign
from campaigns.intake.batch_tree import Tree, build_tree, hash_leaves
from campaigns.intake.claim import BUCKET, ConcurrentUpdate, decode_like
from campaigns.intake.daily_limit import PersonDay
from campaigns.intake.decide import LikeTransition, tally_by_day
from campaigns.intake.group_commit import NONCE_KEY_BYTES
from campaigns.intake.like_key import SEPARATOR, LikeKey, content_of, like_key, person_of
from campaigns.intake.like_state import FINAL_VERDICTS, Like, LikeVerdict, apply_verdict
from campaigns.intake.places import NO_PLAIN_PLACES, place_batch
from campaigns.intake.stored_likes import update_likes
from campaigns.intake.verdict_change import VerdictChange, VerdictSource
from campaigns.intake.verdict_leaves import enqueue_verdict_leaf
from sql import Connection, query

__all__ = ["AppliedVerdicts", "VerdictChange", "VerdictSource", "apply_verdicts", "public_family"]

CLOSING = "closing"  # its verdicts replace those of earlier passes, which saw other observations
FAMILY_OF_NONE = "other"  # the public family of a verdict that names no rule
_ATTEMPTS_MAX = 10
_PUBLIC_COUNTS = {
    LikeVerdict.HELD: "held",
    LikeVerdict.CLEARED: "released",
    LikeVerdict.RELEASED: "released",
    LikeVerdict.VOID: "void",
}
_LIST_LIKE_DAYS = query("list_like_days")
_LOCK_PERSON_DAYS = query("lock_person_days")
_LIST_DAY_LIKES = query("list_day_likes")
_LOCK_LIKES = query("lock_likes")
_INSERT_VERDICT_BATCH = query("insert_verdict_batch")
_NEXT_BATCH_ID = query("next_batch_id")
_LIST_VERDICTS = query("list_verdicts")
_STORE_VERDICTS = query("store_verdicts")
_CREATE_VERDICT_COUNTS = query("create_verdict_counts")
_ADD_VERDICT_COUNTS = query("add_verdict_counts")


class AppliedVerdicts(NamedTuple):
    """The likes whose verdict changed, and the change of the counts by campaign day and state."""

    likes: int
    moved: CountsByDay


async def apply_verdicts(
    conn: Connection, campaign: Campaign, changes: Sequence[VerdictChange], source: VerdictSource
) -> AppliedVerdicts:
    """Apply verdicts to likes; unknown likes and unchanged verdicts are skipped.

    A closing pass stores families and rules also where the verdict stays. Changes by rules of what
    people decided are skipped. Joins the caller's transaction, which holds the
    campaign's lock. Raises ConcurrentUpdate if likes moved to other days in every attempt.
    """
    by_key = {like_key(change.content, change.person): change for change in changes}
    wanted = {key: by_key[key] for key in sorted(by_key)}
    for _ in range(_ATTEMPTS_MAX):
        try:
            async with conn.transaction():
                return await _apply(conn, campaign, wanted, source)
        except ConcurrentUpdate:
            continue
    raise ConcurrentUpdate


async def _apply(
    conn: Connection, campaign: Campaign, wanted: Mapping[LikeKey, VerdictChange], source: VerdictSource
) -> AppliedVerdicts:
    locked_days = await _lock_person_days(conn, campaign, wanted) if campaign.has_limits else {}
    likes = await _lock_likes(conn, campaign, wanted, locked_days)
    transitions = _decide(likes, wanted, source)
    if not transitions:
        return AppliedVerdicts(0, {})
    if any(_needs_lock(campaign, key, before, locked_days) for key, (before, _) in transitions.items()):
        raise ConcurrentUpdate
    applied = [wanted[key] for key in transitions]
    days = {key: before.day for key, (before, _) in transitions.items() if before is not None}
    transitions |= await place_batch(conn, campaign, NO_PLAIN_PLACES, transitions, lambda _: False)
    moved = tally_by_day(transitions.values())
    batch_id = await _write_batch(conn, campaign, transitions, moved)
    changed_days = await _store_verdicts(conn, campaign, applied, list(days.values()), source)
    await enqueue_verdict_leaf(conn, campaign, applied, source, batch_id, days=changed_days)
    return AppliedVerdicts(len(applied), moved)


def _decide(
    likes: Mapping[LikeKey, Like], wanted: Mapping[LikeKey, VerdictChange], source: VerdictSource
) -> dict[LikeKey, LikeTransition]:
    """Return the transitions of the likes whose verdict changes, by key in its order. Pure."""
    return {
        key: LikeTransition(likes[key], apply_verdict(likes[key], change.verdict))
        for key, change in wanted.items()
        if key in likes and _changes_verdict(likes[key], change.verdict, source)
    }


def _changes_verdict(like: Like, verdict: LikeVerdict, source: VerdictSource) -> bool:
    if like.day is None or (like.verdict is verdict and source.stage != CLOSING):
        return False
    return source.decided_by == "people" or like.verdict not in FINAL_VERDICTS


def _needs_lock(campaign: Campaign, key: LikeKey, like: Like | None, locked_days: Collection[PersonDay]) -> bool:
    if like is None or like.day is None or campaign.limit_on(like.day) is None:
        return False
    return (person_of(key), like.day) not in locked_days


async def _lock_person_days(
    conn: Connection, campaign: Campaign, wanted: Mapping[LikeKey, VerdictChange]
) -> dict[PersonDay, list[str]]:
    """Return the contents that may count on each person's day with a limit, after locking the days."""
    rows = await conn.fetch(_LIST_LIKE_DAYS, campaign.campaign_id, BUCKET, *_key_columns(wanted))
    likes = Counter(
        (row["person"], row["day"]) for row in rows if row["day"] and campaign.limit_on(row["day"]) is not None
    )
    if not likes:
        return {}
    person_days = sorted(likes)
    counted = await conn.fetch(_LOCK_PERSON_DAYS, campaign.campaign_id, BUCKET, *zip(*person_days, strict=True))
    columns = [
        (row["person"], row["day"], (campaign.limit_on(row["day"]) or 0) + likes[row["person"], row["day"]], row[2])
        for row in counted
    ]
    contents: dict[PersonDay, list[str]] = {(person, day): [] for person, day, *_ in columns}
    for row in await conn.fetch(_LIST_DAY_LIKES, campaign.campaign_id, BUCKET, *zip(*columns, strict=True)):
        contents[columns[row["position"] - 1][:2]].append(row["content"])
    return contents


async def _lock_likes(
    conn: Connection,
    campaign: Campaign,
    wanted: Mapping[LikeKey, VerdictChange],
    locked_days: Mapping[PersonDay, list[str]],
) -> dict[LikeKey, Like]:
    """Return the stored likes of the verdicts; all that a place can pass to are locked with them."""
    others = {like_key(content, person) for (person, _), contents in locked_days.items() for content in contents}
    keys = sorted(wanted.keys() | others)
    rows = await conn.fetch(_LOCK_LIKES, campaign.campaign_id, BUCKET, *_key_columns(keys))
    likes = {keys[position - 1]: decode_like(columns) for position, *columns in rows}
    return {key: likes[key] for key in wanted if key in likes}


async def _write_batch(
    conn: Connection, campaign: Campaign, transitions: Mapping[LikeKey, LikeTransition], moved: CountsByDay
) -> int:
    """Write the likes and a batch with the change of the counts; return its id."""
    batch_id, nonce_key = int(await conn.fetchval(_NEXT_BATCH_ID)), secrets.token_bytes(NONCE_KEY_BYTES)
    keys = sorted(key for key, transition in transitions.items() if transition.gets_leaf)  # of older releases
    await update_likes(conn, batch_id, campaign.campaign_id, transitions, {key: n for n, key in enumerate(keys)})
    tree = _build_tree(nonce_key, keys, transitions)
    tallies = encode_tallies(BatchTallies(moved, {}))
    columns = batch_id, campaign.campaign_id, BUCKET, tree.root, nonce_key, tree.positions, tree.leaves, tallies
    await conn.execute(_INSERT_VERDICT_BATCH, *columns)
    return batch_id


def _build_tree(nonce_key: bytes, keys: Sequence[LikeKey], transitions: Mapping[LikeKey, LikeTransition]) -> Tree:
    positions = range(len(keys))
    times_us = [transitions[key].after.event_us for key in keys]
    return build_tree(positions, hash_leaves(nonce_key, positions, keys, times_us))


async def _store_verdicts(
    conn: Connection,
    campaign: Campaign,
    applied: Sequence[VerdictChange],
    days: Sequence[date | None],
    source: VerdictSource,
) -> list[date]:
    """Store each like's verdict, and the change of the counts by day, public family and decider.

    Returns the days of these counts, sorted. A verdict keeps the day that its like stood at when it was decided.
    """
    keys = [like_key(change.content, change.person) for change in applied]
    previous = await conn.fetch(_LIST_VERDICTS, campaign.campaign_id, BUCKET, *_key_columns(keys))
    rows = [
        (change.content, change.person, day, change.verdict, SEPARATOR.join(sorted(change.families)),
         SEPARATOR.join(sorted(change.rules)))
        for change, day in zip(applied, days, strict=True)
    ]  # fmt: skip
    await conn.execute(_STORE_VERDICTS, campaign.campaign_id, BUCKET, *source, *zip(*rows, strict=True))
    counts: Counter[tuple[Any, ...]] = Counter()
    for change, day in zip(applied, days, strict=True):
        counts[day, public_family(change.families), source.decided_by, _PUBLIC_COUNTS[change.verdict]] += 1
    for row in previous:
        family, verdict = public_family(row["families"]), LikeVerdict(row["verdict"])
        counts[row["day"], family, row["decided_by"], _PUBLIC_COUNTS[verdict]] -= 1
    await _add_counts(conn, campaign, counts)
    return sorted({day for day, *_ in counts})


async def _add_counts(conn: Connection, campaign: Campaign, counts: Counter[tuple[Any, ...]]) -> None:
    groups = sorted({key[:3] for key in counts})
    columns = list(zip(*groups, strict=True))
    await conn.execute(_CREATE_VERDICT_COUNTS, campaign.campaign_id, *columns)
    changes = [[counts[*group, name] for group in groups] for name in ("held", "released", "void")]
    await conn.execute(_ADD_VERDICT_COUNTS, campaign.campaign_id, *columns, *changes)


def public_family(families: Collection[str]) -> str:
    """Return the family that the public sees of a verdict: the first of its sorted families. Pure."""
    return min(families, default=FAMILY_OF_NONE)


def _key_columns(keys: Collection[LikeKey]) -> tuple[list[str], list[bytes]]:
    return [content_of(key) for key in keys], [person_of(key) for key in keys]
