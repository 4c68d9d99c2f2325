"""One transaction for a group of deliveries (T1): what was answered before is answered again, the rest recorded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from campaigns.catalogue.cache import Catalogue, Platform
from campaigns.intake import batch
from campaigns.intake.admission import Admitted, Refused, admit
from campaigns.intake.batch import Batch, Raced, Written
from campaigns.intake.batch_tree import receipt
from campaigns.intake.like_state import Outcome
from campaigns.intake.payload import Invalid, LikeEvent
from campaigns.intake.response import Fates, Results, answer
from campaigns.promise.calendar import day_in
from sql import Connection, query

_READ_CATALOGUE_VERSION = query("read_catalogue_version")
_LOCK_CATALOGUE_SHARED = query("lock_catalogue_shared")
_LOCK_CATALOGUE = query("lock_catalogue")
_FIND_DELIVERIES = query("find_deliveries")
_ALLOCATE_BATCH_IDS = query("allocate_batch_ids")
_INSERT_DELIVERIES = query("insert_deliveries")

_COUNTED_REFUSALS = frozenset((Outcome.NOT_ENROLLED, Outcome.NOT_RUNNING, Outcome.TOO_LATE, Outcome.IN_FUTURE))


class Stale(Exception):
    """The catalogue changed since it was read: read it again and judge again."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A verified delivery that waits to be recorded."""

    platform: Platform  # with the keys that it was signed by
    webhook_id: str
    body_digest: bytes
    likes: Sequence[LikeEvent | Invalid]
    results: Results = "some"

    @property
    def id(self) -> tuple[int, str]:
        """What a redelivery has in common with the first."""
        return self.platform.platform_id, self.webhook_id


class Reused:
    """The answer to a webhook-id that was used before with another body."""


class Dropped:
    """The answer to a delivery whose platform, or the key that it was signed by, has ceased to hold meanwhile."""


class Committed(NamedTuple):
    """The answers to a group, in order, and its likes by outcome."""

    answers: list[bytes | Reused | Dropped]
    outcomes: Counter[Outcome]


class _Judged(NamedTuple):
    submission: Submission
    admitted: list[Admitted]
    refused: list[Refused]


async def commit(
    conn: Connection, catalogue: Catalogue, group: Sequence[Submission], now: datetime, *, alone: bool = False
) -> Committed:
    """Record a group of deliveries with different ids in one transaction; return once it is durable.

    `alone` keeps every other such transaction out meanwhile: for a group that lost a race. Raises Stale or Raced:
    then nothing was kept and the group may be committed again.
    """
    judged = {s.id: _judge(s, catalogue, now) for s in group if catalogue.knows(s.platform)}
    async with conn.transaction():
        await conn.execute(_LOCK_CATALOGUE if alone else _LOCK_CATALOGUE_SHARED)
        if len(judged) < len(group) and await conn.fetchval(_READ_CATALOGUE_VERSION) != catalogue.version:
            raise Stale
        known = await _known(conn, group)
        fresh = [own for id_, own in judged.items() if id_ not in known]
        outcomes: Counter[Outcome] = Counter()
        if fresh:
            fates = await _record(conn, catalogue, fresh, now)
            for own in fates:
                outcomes.update(own.outcomes)
            known |= await _remember(conn, [j.submission for j in fresh], fates)
    return Committed([_answer_to(s, known[s.id]) if s.id in judged else Dropped() for s in group], outcomes)


class _Remembered(NamedTuple):
    body_digest: bytes
    answer: bytes


def _answer_to(submission: Submission, remembered: _Remembered) -> bytes | Reused:
    return remembered.answer if remembered.body_digest == submission.body_digest else Reused()


async def _known(conn: Connection, group: Sequence[Submission]) -> dict[tuple[int, str], _Remembered]:
    ids, names = zip(*(s.id for s in group), strict=True)
    rows = await conn.fetch(_FIND_DELIVERIES, ids, names)
    return {(row[0], row[1]): _Remembered(row[2], row[3]) for row in rows}


async def _remember(
    conn: Connection, fresh: Sequence[Submission], fates: Sequence[Fates]
) -> dict[tuple[int, str], _Remembered]:
    """Store the answers; Raced if another transaction has answered one of these meanwhile."""
    answers = [answer(s.webhook_id, own, s.results) for s, own in zip(fresh, fates, strict=True)]
    rows = sorted((*s.id, s.body_digest, given) for s, given in zip(fresh, answers, strict=True))
    status = await conn.execute(_INSERT_DELIVERIES, *zip(*rows, strict=True))
    if int(status.rsplit(" ", 1)[1]) != len(rows):
        raise Raced
    return {(row[0], row[1]): _Remembered(row[2], row[3]) for row in rows}


def _judge(submission: Submission, catalogue: Catalogue, now: datetime) -> _Judged:
    return _Judged(submission, *admit(submission.likes, submission.platform.name, catalogue, now))


async def _record(conn: Connection, catalogue: Catalogue, fresh: Sequence[_Judged], now: datetime) -> list[Fates]:
    """Write each campaign's batch, in order of their ids; return the fates of each delivery's likes."""
    fates = [Fates([Outcome.INVALID] * len(j.submission.likes)) for j in fresh]
    arrived = _by_campaign(fresh)
    refusals = _refuse(fates, fresh)
    campaigns = sorted(arrived.keys() | refusals.keys())
    [(version, batch_ids)] = await conn.fetch(_ALLOCATE_BATCH_IDS, len(campaigns))
    if version != catalogue.version:
        raise Stale
    for batch_id, campaign_id in zip(batch_ids, campaigns, strict=True):
        campaign, own = catalogue.by_id[campaign_id], arrived.get(campaign_id, [])
        likes = [(admitted.key, admitted.incoming) for _, admitted in own]
        today = day_in(now, campaign.calendar.timezone)
        written = await batch.write(conn, Batch(batch_id, campaign, likes, refusals.get(campaign_id, {}), today))
        _tell(fates, own, written.outcomes)
        _give_receipts(fates, own, fresh, written, batch_id)
    return fates


_Arrived = list[tuple[int, Admitted]]  # with the delivery's place in the group


def _by_campaign(fresh: Sequence[_Judged]) -> dict[int, _Arrived]:
    arrived: dict[int, _Arrived] = {}
    for delivery, judged in enumerate(fresh):
        for admitted in judged.admitted:
            arrived.setdefault(admitted.campaign_id, []).append((delivery, admitted))
    return arrived


def _refuse(fates: Sequence[Fates], fresh: Sequence[_Judged]) -> dict[int, Counter[str]]:
    """Tell what was refused; return how many likes each campaign refused, to be kept as durably as what counts."""
    counts: dict[int, Counter[str]] = {}
    for own, judged in zip(fates, fresh, strict=True):
        for place, campaign, is_like, outcome, reason in judged.refused:
            own.outcomes[place], own.reasons[place] = outcome, reason
            if campaign and is_like and outcome in _COUNTED_REFUSALS:
                counts.setdefault(campaign.campaign_id, Counter())[outcome.value] += 1
    return counts


def _tell(fates: Sequence[Fates], arrived: _Arrived, outcomes: Sequence[Outcome]) -> None:
    for (delivery, admitted), outcome in zip(arrived, outcomes, strict=True):
        fates[delivery].outcomes[admitted.place] = outcome


def _give_receipts(
    fates: Sequence[Fates], arrived: _Arrived, fresh: Sequence[_Judged], written: Written, batch_id: int
) -> None:
    """Give the receipts of the likes that the batch made count to the deliveries that asked for all results."""
    asking = {delivery for delivery, judged in enumerate(fresh) if judged.submission.results == "all"}
    for delivery, admitted in arrived if asking else ():
        counts = fates[delivery].outcomes[admitted.place] is Outcome.COUNTED and admitted.key in written.counted
        if delivery in asking and counts:
            place = written.counted[admitted.key]
            fates[delivery].receipts[admitted.place] = receipt(batch_id, place, written.nonce_key)
