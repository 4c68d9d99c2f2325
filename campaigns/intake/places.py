"""The places of persons' days in the database: who holds them after a batch.

The rows of `person_days` are locked in order and stay locked until the transaction ends. Days below
their limit that likes only enter are done with that one statement.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign
from campaigns.catalogue.pseudonyms import PSEUDONYM_BYTES
from campaigns.intake.claim import BUCKET, BatchPlan, ConcurrentUpdate, array_literal, decode_like, encode_days
from campaigns.intake.daily_limit import DayChange, PersonDay, changes_by_person_day, first_likes, place_likes
from campaigns.intake.decide import LikeTransition
from campaigns.intake.like_key import SEPARATOR, LikeKey, join_contents, join_persons, like_key
from campaigns.intake.like_state import LIVE_STATES, Like
from sql import Connection, query, rows_affected

_ADD_TO_PERSON_DAYS = query("add_to_person_days")
_LIST_DAY_LIKES = query("list_day_likes")
_STORE_PLACES = query("store_places")


class _CrowdedDay(NamedTuple):
    person: bytes
    day: date
    change: DayChange
    contents: str  # of the likes that counted or enter, joined

    @property
    def stored_change_count(self) -> int:
        """Return how many stored likes the batch takes out of the order in which they are read."""
        return self.change.leaving + len(self.change.staying)


class PlainPlaces(NamedTuple):
    """The plain likes of a batch on days with a limit, sorted by person and day, in columns."""

    persons: bytes
    contents: str
    days: str
    positions: str
    limited_days: frozenset[date]  # of the batch


NO_PLAIN_PLACES = PlainPlaces(b"", "", "{}", "{}", frozenset()), b""


def plain_places(plan: BatchPlan) -> PlainPlaces:
    """Return the plain likes that the daily limit applies to, as if all were new. Pure."""
    columns, limit_on = plan.columns, plan.columns.campaign.limit_on
    limited = frozenset(day for day in set(columns.days) if limit_on(day) is not None)
    rows = sorted(
        (key[-PSEUDONYM_BYTES:], columns.days[event], position)
        for position, (key, event) in enumerate(zip(plan.keys, plan.events, strict=True))
        if columns.days[event] in limited and key not in plan.changes
    )
    keys = [plan.keys[position] for _, _, position in rows]
    positions = array_literal(position for _, _, position in rows)
    days = encode_days([day for _, day, _ in rows])
    return PlainPlaces(join_persons(keys), join_contents(keys), days, positions, limited)


async def place_batch(
    conn: Connection,
    campaign: Campaign,
    plain: tuple[PlainPlaces, bytes],
    transitions: Mapping[LikeKey, LikeTransition],
    is_new: Callable[[LikeKey], bool],
) -> dict[LikeKey, LikeTransition]:
    """Return the transitions of likes that the daily limit changes.

    `plain` has the plain likes, and the mask of those that were stored before. Raises
    ConcurrentUpdate. Joins the caller's transaction.
    """
    changes = changes_by_person_day(transitions, campaign.limit_on)
    crowded = await _add_to_person_days(conn, campaign, plain, changes)
    if not crowded:
        return {}
    placed: dict[LikeKey, LikeTransition] = {}
    places = []
    for day, likes in zip(crowded, await _read_day_likes(conn, campaign, crowded, transitions), strict=True):
        counted = first_likes(likes, campaign.limit_on(day.day) or 0)
        placed |= place_likes(day.person, likes, counted, transitions, is_new)
        places.append((day.person, day.day, day.change.leaving, SEPARATOR.join(sorted(counted))))
    status = await conn.execute(_STORE_PLACES, campaign.campaign_id, BUCKET, *zip(*places, strict=True))
    if rows_affected(status) != len(places):
        raise ConcurrentUpdate
    return placed


async def _add_to_person_days(
    conn: Connection,
    campaign: Campaign,
    plain: tuple[PlainPlaces, bytes],
    changes: Mapping[PersonDay, DayChange],
) -> list[_CrowdedDay]:
    """Return the persons' days that need a ranking."""
    decided = (
        [person for person, _ in changes],
        [day for _, day in changes],
        [SEPARATOR.join(change.entering) for change in changes.values()],
    )
    *plain_columns, limited_days = plain[0]
    days = limited_days.union(day for _, day in changes)
    limits = [campaign.limit_on(day) for day in days]
    reordered = [person for (person, _), change in changes.items() if change.is_reordered]
    columns = *plain_columns, plain[1], *decided, list(days), limits, reordered
    crowded = await conn.fetch(_ADD_TO_PERSON_DAYS, campaign.campaign_id, BUCKET, *columns)
    return [
        _CrowdedDay(person, day, changes.get((person, day)) or DayChange(), SEPARATOR.join(contents))
        for person, day, contents in crowded
    ]


async def _read_day_likes(
    conn: Connection,
    campaign: Campaign,
    crowded: Sequence[_CrowdedDay],
    transitions: Mapping[LikeKey, LikeTransition],
) -> list[dict[str, Like]]:
    """Return the likes of each person's day that may count, by content, each after its transition."""
    rows = [
        (day.person, day.day, (campaign.limit_on(day.day) or 0) + day.stored_change_count, day.contents)
        for day in crowded
    ]
    columns = zip(*rows, strict=True)
    stored = await conn.fetch(_LIST_DAY_LIKES, campaign.campaign_id, BUCKET, *columns)
    likes = [_changed_likes(day, transitions) for day in crowded]
    for position, content, *values in stored:
        day, key = crowded[position - 1], like_key(content, crowded[position - 1].person)
        like = transitions[key].after if key in transitions else decode_like(values)
        if like.day == day.day and like.state in LIVE_STATES:
            likes[position - 1][content] = like
    return likes


def _changed_likes(day: _CrowdedDay, transitions: Mapping[LikeKey, LikeTransition]) -> dict[str, Like]:
    keys = {content: like_key(content, day.person) for content in [*day.change.entering, *day.change.staying]}
    return {content: transitions[key].after for content, key in keys.items() if key in transitions}
