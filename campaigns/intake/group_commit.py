"""One transaction for a group of deliveries (T1): what was answered before is answered again, the rest recorded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from campaigns.catalogue.cache import Catalogue, Platform
from campaigns.intake import batch
from campaigns.intake.admission import AdmittedEvent, RefusedEvent, admit_events
from campaigns.intake.batch import Batch, BatchResult, ConcurrentUpdate
from campaigns.intake.batch_tree import encode_receipt
from campaigns.intake.like_state import Outcome
from campaigns.intake.payload import InvalidEvent, LikeEvent
from campaigns.intake.response import DeliveryResults, ResultsFilter, render_response
from campaigns.promise.calendar import local_day
from sql import Connection, query

_READ_CATALOGUE_VERSION = query("read_catalogue_version")
_LOCK_CATALOGUE_SHARED = query("lock_catalogue_shared")
_LOCK_CATALOGUE = query("lock_catalogue")
_FIND_DELIVERIES = query("find_deliveries")
_ALLOCATE_BATCH_IDS = query("allocate_batch_ids")
_INSERT_DELIVERIES = query("insert_deliveries")

_COUNTED_REFUSALS = frozenset((Outcome.NOT_ENROLLED, Outcome.NOT_RUNNING, Outcome.TOO_LATE, Outcome.IN_FUTURE))


class StaleCatalogue(Exception):
    """The catalogue changed since it was read: read it again and judge again."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A verified delivery that waits to be recorded."""

    platform: Platform  # with the keys that it was signed by
    webhook_id: str
    body_digest: bytes
    events: Sequence[LikeEvent | InvalidEvent]
    results_filter: ResultsFilter = "some"

    @property
    def id(self) -> tuple[int, str]:
        """What a redelivery has in common with the first."""
        return self.platform.platform_id, self.webhook_id


class WebhookIdConflict:
    """The answer to a webhook-id that was used before with another body."""


class SenderRevoked:
    """The answer to a delivery whose platform, or the key that it was signed by, has ceased to hold meanwhile."""


class CommitResult(NamedTuple):
    """The answers to a group, in order, and its likes by outcome."""

    responses: list[bytes | WebhookIdConflict | SenderRevoked]
    outcomes: Counter[Outcome]


class _Admission(NamedTuple):
    submission: Submission
    admitted_events: list[AdmittedEvent]
    refused_events: list[RefusedEvent]


async def commit_group(
    conn: Connection, catalogue: Catalogue, group: Sequence[Submission], now: datetime, *, exclusive: bool = False
) -> CommitResult:
    """Record a group of deliveries with different ids in one transaction; return once it is durable.

    `alone` keeps every other such transaction out meanwhile: for a group that lost a race. Raises Stale or Raced:
    then nothing was kept and the group may be committed again.
    """
    judged = {s.id: _admit_submission(s, catalogue, now) for s in group if catalogue.still_accepts(s.platform)}
    async with conn.transaction():
        await conn.execute(_LOCK_CATALOGUE if exclusive else _LOCK_CATALOGUE_SHARED)
        if len(judged) < len(group) and await conn.fetchval(_READ_CATALOGUE_VERSION) != catalogue.version:
            raise StaleCatalogue
        known = await _find_stored_responses(conn, group)
        fresh = [own for id_, own in judged.items() if id_ not in known]
        outcomes: Counter[Outcome] = Counter()
        if fresh:
            fates = await _record_batches(conn, catalogue, fresh, now)
            for own in fates:
                outcomes.update(own.outcomes)
            known |= await _store_responses(conn, [j.submission for j in fresh], fates)
    return CommitResult(
        [_select_response(s, known[s.id]) if s.id in judged else SenderRevoked() for s in group], outcomes
    )


class _StoredResponse(NamedTuple):
    body_digest: bytes
    response: bytes


def _select_response(submission: Submission, stored: _StoredResponse) -> bytes | WebhookIdConflict:
    return stored.response if stored.body_digest == submission.body_digest else WebhookIdConflict()


async def _find_stored_responses(
    conn: Connection, group: Sequence[Submission]
) -> dict[tuple[int, str], _StoredResponse]:
    ids, names = zip(*(s.id for s in group), strict=True)
    rows = await conn.fetch(_FIND_DELIVERIES, ids, names)
    return {(row[0], row[1]): _StoredResponse(row[2], row[3]) for row in rows}


async def _store_responses(
    conn: Connection, submissions: Sequence[Submission], results: Sequence[DeliveryResults]
) -> dict[tuple[int, str], _StoredResponse]:
    """Store the answers; Raced if another transaction has answered one of these meanwhile."""
    answers = [
        render_response(s.webhook_id, own, s.results_filter) for s, own in zip(submissions, results, strict=True)
    ]
    rows = sorted((*s.id, s.body_digest, given) for s, given in zip(submissions, answers, strict=True))
    status = await conn.execute(_INSERT_DELIVERIES, *zip(*rows, strict=True))
    if int(status.rsplit(" ", 1)[1]) != len(rows):
        raise ConcurrentUpdate
    return {(row[0], row[1]): _StoredResponse(row[2], row[3]) for row in rows}


def _admit_submission(submission: Submission, catalogue: Catalogue, now: datetime) -> _Admission:
    return _Admission(submission, *admit_events(submission.events, submission.platform.name, catalogue, now))


async def _record_batches(
    conn: Connection, catalogue: Catalogue, admissions: Sequence[_Admission], now: datetime
) -> list[DeliveryResults]:
    """Write each campaign's batch, in order of their ids; return the fates of each delivery's likes."""
    fates = [DeliveryResults([Outcome.INVALID] * len(j.submission.events)) for j in admissions]
    arrived = _group_by_campaign(admissions)
    refusals = _apply_refusals(fates, admissions)
    campaigns = sorted(arrived.keys() | refusals.keys())
    [(version, batch_ids)] = await conn.fetch(_ALLOCATE_BATCH_IDS, len(campaigns))
    if version != catalogue.version:
        raise StaleCatalogue
    for batch_id, campaign_id in zip(batch_ids, campaigns, strict=True):
        campaign, own = catalogue.campaigns_by_id[campaign_id], arrived.get(campaign_id, [])
        likes = [(admitted.key, admitted.change) for _, admitted in own]
        today = local_day(now, campaign.calendar.timezone)
        written = await batch.write_batch(
            conn, Batch(batch_id, campaign, likes, refusals.get(campaign_id, {}), today)
        )
        _set_outcomes(fates, own, written.outcomes)
        _set_receipts(fates, own, admissions, written, batch_id)
    return fates


_IndexedEvents = list[tuple[int, AdmittedEvent]]  # with the delivery's place in the group


def _group_by_campaign(admissions: Sequence[_Admission]) -> dict[int, _IndexedEvents]:
    arrived: dict[int, _IndexedEvents] = {}
    for delivery, judged in enumerate(admissions):
        for admitted in judged.admitted_events:
            arrived.setdefault(admitted.campaign_id, []).append((delivery, admitted))
    return arrived


def _apply_refusals(results: Sequence[DeliveryResults], admissions: Sequence[_Admission]) -> dict[int, Counter[str]]:
    """Tell what was refused; return how many likes each campaign refused, to be kept as durably as what counts."""
    counts: dict[int, Counter[str]] = {}
    for own, judged in zip(results, admissions, strict=True):
        for place, campaign, is_like, outcome, reason in judged.refused_events:
            own.outcomes[place], own.reasons[place] = outcome, reason
            if campaign and is_like and outcome in _COUNTED_REFUSALS:
                counts.setdefault(campaign.campaign_id, Counter())[outcome.value] += 1
    return counts


def _set_outcomes(
    results: Sequence[DeliveryResults], indexed_events: _IndexedEvents, outcomes: Sequence[Outcome]
) -> None:
    for (delivery, admitted), outcome in zip(indexed_events, outcomes, strict=True):
        results[delivery].outcomes[admitted.position] = outcome


def _set_receipts(
    results: Sequence[DeliveryResults],
    indexed_events: _IndexedEvents,
    admissions: Sequence[_Admission],
    batch_result: BatchResult,
    batch_id: int,
) -> None:
    """Give the receipts of the likes that the batch made count to the deliveries that asked for all results."""
    asking = {delivery for delivery, judged in enumerate(admissions) if judged.submission.results_filter == "all"}
    for delivery, admitted in indexed_events if asking else ():
        counts = (
            results[delivery].outcomes[admitted.position] is Outcome.COUNTED
            and admitted.key in batch_result.counted_positions
        )
        if delivery in asking and counts:
            place = batch_result.counted_positions[admitted.key]
            results[delivery].receipts[admitted.position] = encode_receipt(batch_id, place, batch_result.nonce_key)
