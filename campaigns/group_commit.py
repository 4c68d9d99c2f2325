"""One transaction for a group of deliveries: what was answered before is answered again, the rest is recorded (T1)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from campaigns import batch
from campaigns.admission import Admitted, Refused, admit
from campaigns.answers import Fate, Results, answer
from campaigns.batch import Batch, Raced, Written
from campaigns.batch_tree import receipt
from campaigns.calendar import day_in
from campaigns.catalogue import Campaign, Catalogue, Platform
from campaigns.decision import Key
from campaigns.events import Invalid, LikeEvent
from campaigns.likes import Outcome
from sql import Connection, query

_SHARE_CATALOGUE = query("share_catalogue")
_KNOWN_DELIVERIES = query("known_deliveries")
_BEGIN_BATCHES = query("begin_batches")
_INSERT_DELIVERIES = query("insert_deliveries")

_COUNTED_REFUSALS = frozenset((Outcome.NOT_ENROLLED, Outcome.NOT_RUNNING, Outcome.TOO_LATE, Outcome.IN_FUTURE))


class Stale(Exception):
    """The catalogue changed since it was read: read it again and judge again."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A verified delivery that waits to be recorded."""

    platform: Platform
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


class Committed(NamedTuple):
    """The answers to a group, in order, and its likes by outcome."""

    answers: list[bytes | Reused]
    outcomes: Counter[Outcome]


class _Judged(NamedTuple):
    submission: Submission
    admitted: list[Admitted]
    refused: list[Refused]


async def commit(conn: Connection, catalogue: Catalogue, group: Sequence[Submission], now: datetime) -> Committed:
    """Record a group of deliveries with different ids in one transaction; return once it is durable.

    Raises Stale or Raced: then nothing was kept and the group may be committed again.
    """
    async with conn.transaction():
        await conn.execute(_SHARE_CATALOGUE)
        known = await _known(conn, group)
        fresh = [_judge(s, catalogue, now) for s in group if s.id not in known]
        outcomes: Counter[Outcome] = Counter()
        if fresh:
            fates = await _record(conn, catalogue, fresh, now)
            outcomes.update(fate.outcome for own in fates for fate in own)
            known |= await _remember(conn, [j.submission for j in fresh], fates)
    return Committed([_answer_to(s, known[s.id]) for s in group], outcomes)


class _Remembered(NamedTuple):
    body_digest: bytes
    answer: bytes


def _answer_to(submission: Submission, remembered: _Remembered) -> bytes | Reused:
    return remembered.answer if remembered.body_digest == submission.body_digest else Reused()


async def _known(conn: Connection, group: Sequence[Submission]) -> dict[tuple[int, str], _Remembered]:
    ids, names = zip(*(s.id for s in group), strict=True)
    rows = await conn.fetch(_KNOWN_DELIVERIES, ids, names)
    return {(row[0], row[1]): _Remembered(row[2], row[3]) for row in rows}


async def _remember(
    conn: Connection, fresh: Sequence[Submission], fates: Sequence[Sequence[Fate]]
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


async def _record(
    conn: Connection, catalogue: Catalogue, fresh: Sequence[_Judged], now: datetime
) -> list[list[Fate]]:
    """Write each campaign's batch, in order of their ids; return the fates of each delivery's likes."""
    refusals = _refusals(fresh)
    campaigns = sorted({a.campaign_id for j in fresh for a in j.admitted} | refusals.keys())
    [(version, batch_ids)] = await conn.fetch(_BEGIN_BATCHES, len(campaigns))
    if version != catalogue.version:
        raise Stale
    fates = [[Fate(Outcome.INVALID)] * len(j.submission.likes) for j in fresh]
    _refuse(fates, fresh)
    for batch_id, campaign_id in zip(batch_ids, campaigns, strict=True):
        campaign = catalogue.by_id[campaign_id]
        places = [(n, a) for n, j in enumerate(fresh) for a in j.admitted if a.campaign_id == campaign_id]
        arrived = [((a.content, a.person), a.incoming) for _, a in places]
        refused = refusals.get(campaign_id, Counter())
        written = await batch.write(conn, Batch(batch_id, campaign, arrived, refused, _today(campaign, now)))
        _tell(fates, places, written, _receipts(batch_id, written, fresh))
    return fates


def _today(campaign: Campaign, now: datetime) -> date:
    return day_in(now, campaign.calendar.timezone)


def _refusals(fresh: Sequence[_Judged]) -> dict[int, Counter[str]]:
    """Count the likes that a campaign refused, by campaign and outcome: as durably as what counts."""
    counts: dict[int, Counter[str]] = {}
    for judged in fresh:
        for refused in judged.refused:
            if refused.campaign and refused.is_like and refused.outcome in _COUNTED_REFUSALS:
                counts.setdefault(refused.campaign.campaign_id, Counter())[refused.outcome.value] += 1
    return counts


def _refuse(fates: list[list[Fate]], fresh: Sequence[_Judged]) -> None:
    for own, judged in zip(fates, fresh, strict=True):
        for refused in judged.refused:
            own[refused.place] = Fate(refused.outcome, refused.reason)


def _receipts(batch_id: int, written: Written, fresh: Sequence[_Judged]) -> Mapping[Key, str]:
    """Return the receipts of the likes that the batch made count, if anyone asked for them."""
    if all(judged.submission.results != "all" for judged in fresh):
        return {}
    return {key: receipt(batch_id, place, written.nonce_key) for key, place in written.positions.items()}


def _tell(
    fates: list[list[Fate]], places: list[tuple[int, Admitted]], written: Written, receipts: Mapping[Key, str]
) -> None:
    for (n, admitted), outcome in zip(places, written.outcomes, strict=True):
        key = (admitted.content, admitted.person)
        counted = outcome is Outcome.COUNTED
        fates[n][admitted.place] = Fate(outcome, None, receipts.get(key) if counted else None)
