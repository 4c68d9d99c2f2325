"""Group commit (T1): one transaction for many deliveries.

Repeats stored responses, records the other deliveries.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from campaigns.catalogue.cache import Catalogue, Platform
from campaigns.intake.admission import Admission, DeliveredEvents, admit_deliveries
from campaigns.intake.batch import Batch, BatchResult, BatchRow, PreparedBatch, prepare_batch, write_batch
from campaigns.intake.batch_tree import encode_receipt
from campaigns.intake.claim import (
    BUCKET,
    NO_CAMPAIGN,
    NO_LIKES,
    ConcurrentUpdate,
    DeliveryAnswered,
    GroupGuard,
    StaleCatalogue,
    array_literal,
    claim_likes,
)
from campaigns.intake.delivery_body import LikeEvent
from campaigns.intake.event_columns import EventColumns
from campaigns.intake.like_state import Outcome
from campaigns.intake.payload import InvalidEvent
from campaigns.intake.response import (
    RESULT_BY_OUTCOME,
    DeliveryResults,
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
_KEEP_GROUP = query("keep_group")

NONCE_KEY_BYTES = 32


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


class _StoredResponse(NamedTuple):
    body_digest: bytes
    response: bytes


_StoredResponses = dict[tuple[int, str], _StoredResponse]


class PreparedGroup(NamedTuple):
    """Deliveries of one group, admitted under one catalogue, with everything that needs no database."""

    catalogue: Catalogue
    group: Sequence[Submission]
    unanswered: Sequence[Submission]  # without those whose sender the catalogue no longer accepts
    admission: Admission
    batches: Sequence[PreparedBatch]
    now: datetime


class _Recording(NamedTuple):
    """What was recorded of a group: the rows of its batches, and the results of each delivery."""

    rows: list[BatchRow]
    results: list[DeliveryResults]


def prepare_group(catalogue: Catalogue, group: Sequence[Submission], now: datetime) -> PreparedGroup:
    """Return a group of deliveries with different ids, admitted and ready to be committed."""
    return _prepare(catalogue, group, [s for s in group if catalogue.still_accepts(s.platform)], now)


def _prepare(
    catalogue: Catalogue, group: Sequence[Submission], unanswered: Sequence[Submission], now: datetime
) -> PreparedGroup:
    admission = admit_deliveries([DeliveredEvents(s.platform.name, s.events) for s in unanswered], catalogue, now)
    batches = [
        prepare_batch(batch, secrets.token_bytes(NONCE_KEY_BYTES)) for batch in _batches(catalogue, admission, now)
    ]
    return PreparedGroup(catalogue, group, unanswered, admission, batches, now)


async def commit_group(
    conn: Connection,
    prepared: PreparedGroup,
    on_claim: Callable[[], object] = lambda: None,
    *,
    exclusive: bool = False,
) -> CommitResult:
    """Record a group of deliveries in one transaction.

    Returns once it is durable and replicated. Calls `on_claim` while the database works on the first claim.
    `exclusive` keeps all other intake out until the commit: for a group
    that lost a race. Raises StaleCatalogue or ConcurrentUpdate; then nothing was recorded, and the
    group may be prepared and committed again.
    """
    catalogue, group = prepared.catalogue, prepared.group
    accepted, stored = {s.id for s in prepared.unanswered}, _StoredResponses()
    async with conn.transaction():
        await conn.execute(_LOCK_CATALOGUE if exclusive else _LOCK_CATALOGUE_SHARED)
        if len(accepted) < len(group) and await conn.fetchval(_READ_CATALOGUE_VERSION) != catalogue.version:
            raise StaleCatalogue
        asyncio.get_running_loop().call_soon(on_claim)  # runs once the claim is sent
        try:
            recording = await _record(conn, prepared)
        except DeliveryAnswered:  # the claim wrote nothing: record the other deliveries
            stored = await _find_stored_responses(conn, group)
            unanswered = [s for s in prepared.unanswered if s.id not in stored]
            prepared = _prepare(catalogue, group, unanswered, prepared.now)
            recording = await _record(conn, prepared)
        stored |= await _keep(conn, prepared.unanswered, recording)
    # A commit of ours waits for the standby. A group that wrote nothing repeats responses of another
    # transaction, whose own wait may have been cut off: nobody has been told that it is durable.
    if not prepared.unanswered:
        await wait_until_replicated(conn)
    responses = [_select_response(s, stored[s.id]) if s.id in accepted else SenderRevoked() for s in group]
    outcomes: Counter[Outcome] = Counter()
    for results in recording.results:
        outcomes.update(count_outcomes(results))
    return CommitResult(responses, outcomes)


def _select_response(submission: Submission, stored: _StoredResponse) -> bytes | WebhookIdConflict:
    return stored.response if stored.body_digest == submission.body_digest else WebhookIdConflict()


async def _find_stored_responses(conn: Connection, group: Sequence[Submission]) -> _StoredResponses:
    ids, names = zip(*(s.id for s in group), strict=True)
    rows = await conn.fetch(_FIND_DELIVERIES, ids, names)
    return {(row[0], row[1]): _StoredResponse(row[2], row[3]) for row in rows}


async def _record(conn: Connection, prepared: PreparedGroup) -> _Recording:
    """Write each campaign's batch, in the order of the campaigns' ids.

    Raises DeliveryAnswered only if nothing was written.
    """
    if not prepared.unanswered:
        return _Recording([], [])
    ids, names = zip(*(s.id for s in prepared.unanswered), strict=True)
    guard = GroupGuard(prepared.catalogue.version, ids, names)
    if not prepared.batches:
        await claim_likes(conn, guard, NO_CAMPAIGN, NO_LIKES)
    written: list[BatchResult] = []
    for each in prepared.batches:
        try:
            written.append(await write_batch(conn, each, guard))
        except DeliveryAnswered as error:
            if written:
                raise ConcurrentUpdate from error
            raise
    return _Recording([result.row for result in written], _collect_results(prepared, written))


def _batches(catalogue: Catalogue, admission: Admission, now: datetime) -> list[Batch]:
    refusals = admission.refusal_counts()
    campaign_ids = sorted(admission.columns.keys() | refusals.keys())
    campaigns = [catalogue.campaigns_by_id[campaign_id] for campaign_id in campaign_ids]
    return [
        Batch(
            admission.columns.get(campaign.campaign_id) or EventColumns(campaign),
            refusals.get(campaign.campaign_id, {}),
            local_day(now, campaign.calendar.timezone),
        )
        for campaign in campaigns
    ]


def _collect_results(prepared: PreparedGroup, written: Sequence[BatchResult]) -> list[DeliveryResults]:
    results = [DeliveryResults(len(s.events), {}, {}) for s in prepared.unanswered]
    for (delivery, position), _, _, outcome, reason in prepared.admission.refused:
        results[delivery].exceptions[position] = LikeResult(outcome, reason)
    batches = [each.batch.columns for each in prepared.batches]
    for columns, result in zip(batches, written, strict=True):
        origins = columns.origins
        for event, outcome in result.outcomes.items():
            if outcome is not Outcome.COUNTED:
                delivery, position = origins[event]
                results[delivery].exceptions[position] = RESULT_BY_OUTCOME[outcome]
    asking = {n for n, s in enumerate(prepared.unanswered) if s.results_filter == "all"}
    if asking:
        for columns, result in zip(batches, written, strict=True):
            _add_receipts(results, asking, columns, result)
    return results


def _add_receipts(
    results: Sequence[DeliveryResults], asking: AbstractSet[int], columns: EventColumns, result: BatchResult
) -> None:
    """Add the receipts of likes whose first event the batch brings; any other got its receipt before."""
    row = result.row
    positions = dict(zip(result.leaf_keys, row.tree.positions, strict=True))
    for event, ((delivery, position), key) in enumerate(zip(columns.origins, columns.keys, strict=True)):
        if delivery not in asking or key not in positions or event in columns.unlikes:
            continue
        if result.outcomes.get(event) is not Outcome.DUPLICATE:
            results[delivery].receipts[position] = encode_receipt(row.batch_id, positions[key], row.nonce_key)


async def _keep(conn: Connection, submissions: Sequence[Submission], recording: _Recording) -> _StoredResponses:
    """Store the batches' rows and the responses; return the responses.

    Raises ConcurrentUpdate if another transaction answered one of the deliveries.
    """
    if not submissions:
        return {}
    answers = sorted(
        (*s.id, s.body_digest, render_response(s.webhook_id, results, s.results_filter))
        for s, results in zip(submissions, recording.results, strict=True)
    )
    status = await conn.execute(_KEEP_GROUP, BUCKET, *_row_columns(recording.rows), *zip(*answers, strict=True))
    if rows_affected(status) != len(answers):
        raise ConcurrentUpdate
    return {(row[0], row[1]): _StoredResponse(row[2], row[3]) for row in answers}


def _row_columns(rows: Sequence[BatchRow]) -> tuple[list[Any], ...]:
    return (
        [row.batch_id for row in rows],
        [row.campaign_id for row in rows],
        [row.tree.root for row in rows],
        [row.nonce_key for row in rows],
        [array_literal(row.tree.positions) for row in rows],
        [row.tree.leaves for row in rows],
        [row.tallies for row in rows],
        *_observation_columns(rows),
    )


def _observation_columns(rows: Sequence[BatchRow]) -> tuple[list[Any], ...]:
    observed = [(row.batch_id, row.campaign_id, *row.observations) for row in rows if row.observations is not None]
    return tuple(map(list, zip(*observed, strict=True))) if observed else ([], [], [], [], [], [])
