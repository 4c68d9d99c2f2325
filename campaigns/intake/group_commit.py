"""Group commit (T1): one transaction for many deliveries.

Repeats stored responses, records the other deliveries.
"""

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
from campaigns.intake.response import (
    RESULT_BY_OUTCOME,
    LikeResult,
    ResultsFilter,
    count_outcomes,
    render_response,
)
from campaigns.promise.calendar import local_day
from sql import Connection, query, rows_affected
from sql.replication import wait_until_replicated

_READ_CATALOGUE_VERSION = query("read_catalogue_version")
_LOCK_CATALOGUE_SHARED = query("lock_catalogue_shared")
_LOCK_CATALOGUE = query("lock_catalogue")
_FIND_DELIVERIES = query("find_deliveries")
_ALLOCATE_BATCH_IDS = query("allocate_batch_ids")
_INSERT_DELIVERIES = query("insert_deliveries")

_COUNTED_REFUSALS = frozenset((Outcome.NOT_ENROLLED, Outcome.NOT_RUNNING, Outcome.TOO_LATE, Outcome.IN_FUTURE))


class StaleCatalogue(Exception):
    """The catalogue changed since it was read: read it and admit the events again."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A verified delivery, to be recorded."""

    platform: Platform  # with the keys that signed it
    webhook_id: str
    body_digest: bytes
    events: Sequence[LikeEvent | InvalidEvent]
    results_filter: ResultsFilter = "some"

    @property
    def id(self) -> tuple[int, str]:
        """Identify the delivery: a redelivery has the same id."""
        return self.platform.platform_id, self.webhook_id


class WebhookIdConflict:
    """The result of a delivery whose webhook-id came before with another body."""


class SenderRevoked:
    """The result of a delivery whose platform or signing key was revoked in the meantime."""


class CommitResult(NamedTuple):
    """The responses to a group, in order, and the number of its recorded events by outcome."""

    responses: list[bytes | WebhookIdConflict | SenderRevoked]
    outcomes: Counter[Outcome]


class _Admission(NamedTuple):
    submission: Submission
    admitted_events: list[AdmittedEvent]
    refused_events: list[RefusedEvent]


_DeliveryResults = list[LikeResult]  # by the event's position in the delivery
_IndexedEvents = list[tuple[int, AdmittedEvent]]  # with the delivery's position in the group


async def commit_group(
    conn: Connection, catalogue: Catalogue, group: Sequence[Submission], now: datetime, *, exclusive: bool = False
) -> CommitResult:
    """Record a group of deliveries with different ids in one transaction.

    Returns once it is durable and replicated. `exclusive` keeps all other intake out until the commit: for a group
    that lost a race. Raises StaleCatalogue or ConcurrentUpdate; then nothing was recorded, and the
    group may be committed again.
    """
    admissions = {s.id: _admit_submission(s, catalogue, now) for s in group if catalogue.still_accepts(s.platform)}
    async with conn.transaction():
        await conn.execute(_LOCK_CATALOGUE if exclusive else _LOCK_CATALOGUE_SHARED)
        if len(admissions) < len(group) and await conn.fetchval(_READ_CATALOGUE_VERSION) != catalogue.version:
            raise StaleCatalogue
        stored = await _find_stored_responses(conn, group)
        unanswered = [admission for id_, admission in admissions.items() if id_ not in stored]
        outcomes: Counter[Outcome] = Counter()
        if unanswered:
            results = await _record_batches(conn, catalogue, unanswered, now)
            for delivery_results in results:
                outcomes.update(count_outcomes(delivery_results))
            stored |= await _store_responses(conn, [a.submission for a in unanswered], results)
    # A commit of ours waits for the standby. A group that wrote nothing repeats responses of another
    # transaction, whose own wait may have been cut off: nobody has been told that it is durable.
    if not unanswered:
        await wait_until_replicated(conn)
    responses = [_select_response(s, stored[s.id]) if s.id in admissions else SenderRevoked() for s in group]
    return CommitResult(responses, outcomes)


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
    conn: Connection, submissions: Sequence[Submission], results: Sequence[_DeliveryResults]
) -> dict[tuple[int, str], _StoredResponse]:
    """Store and return the responses.

    Raises ConcurrentUpdate if another transaction answered one of them.
    """
    rows = sorted(
        (*s.id, s.body_digest, render_response(s.webhook_id, delivery_results, s.results_filter))
        for s, delivery_results in zip(submissions, results, strict=True)
    )
    status = await conn.execute(_INSERT_DELIVERIES, *zip(*rows, strict=True))
    if rows_affected(status) != len(rows):
        raise ConcurrentUpdate
    return {(row[0], row[1]): _StoredResponse(row[2], row[3]) for row in rows}


def _admit_submission(submission: Submission, catalogue: Catalogue, now: datetime) -> _Admission:
    return _Admission(submission, *admit_events(submission.events, submission.platform.name, catalogue, now))


async def _record_batches(
    conn: Connection, catalogue: Catalogue, admissions: Sequence[_Admission], now: datetime
) -> list[_DeliveryResults]:
    """Write each campaign's batch, in the order of the campaigns' ids.

    Returns the results of each delivery.
    """
    results = [_initial_results(admission) for admission in admissions]
    events_by_campaign, refusals = _group_by_campaign(admissions), _count_refusals(admissions)
    campaign_ids = sorted(events_by_campaign.keys() | refusals.keys())
    [(version, batch_ids)] = await conn.fetch(_ALLOCATE_BATCH_IDS, len(campaign_ids))
    if version != catalogue.version:
        raise StaleCatalogue
    asks_receipts = [admission.submission.results_filter == "all" for admission in admissions]
    for batch_id, campaign_id in zip(batch_ids, campaign_ids, strict=True):
        campaign, events = catalogue.campaigns_by_id[campaign_id], events_by_campaign.get(campaign_id, [])
        like_changes = [(event.key, event.change) for _, event in events]
        today = local_day(now, campaign.calendar.timezone)
        batch_result = await batch.write_batch(
            conn, Batch(batch_id, campaign, like_changes, refusals.get(campaign_id, {}), today)
        )
        for index, (delivery, event) in enumerate(events):
            result = RESULT_BY_OUTCOME[batch_result.outcomes[index]]
            if asks_receipts[delivery] and result.outcome is Outcome.COUNTED:
                result = result._replace(receipt=_receipt(event, batch_result, batch_id))
            results[delivery][event.position] = result
    return results


def _initial_results(admission: _Admission) -> _DeliveryResults:
    """Return the results of a delivery's refused events; the batches replace the others."""
    results = [RESULT_BY_OUTCOME[Outcome.INVALID]] * len(admission.submission.events)
    for event in admission.refused_events:
        results[event.position] = LikeResult(event.outcome, event.reason)
    return results


def _group_by_campaign(admissions: Sequence[_Admission]) -> dict[int, _IndexedEvents]:
    events_by_campaign: dict[int, _IndexedEvents] = {}
    for delivery, admission in enumerate(admissions):
        for event in admission.admitted_events:
            events_by_campaign.setdefault(event.campaign_id, []).append((delivery, event))
    return events_by_campaign


def _count_refusals(admissions: Sequence[_Admission]) -> dict[int, Counter[str]]:
    """Return each campaign's refused likes by outcome.

    They are stored as durably as counted likes.
    """
    counts: dict[int, Counter[str]] = {}
    for admission in admissions:
        for event in admission.refused_events:
            if event.campaign and event.is_like and event.outcome in _COUNTED_REFUSALS:
                counts.setdefault(event.campaign.campaign_id, Counter())[event.outcome.value] += 1
    return counts


def _receipt(event: AdmittedEvent, batch_result: BatchResult, batch_id: int) -> str | None:
    """Return the receipt of a counted event; None if its like counted before the batch."""
    position = batch_result.counted_positions.get(event.key)
    return None if position is None else encode_receipt(batch_id, position, batch_result.nonce_key)
