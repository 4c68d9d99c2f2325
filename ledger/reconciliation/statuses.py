"""Apply a bank's payment statuses; a status that fits nothing is stored for a person to review.

Only a booking pays a payout. A status says at most that the bank has an instruction or refuses it.
"""

from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

import rfc8785

from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.sending import end_to_end_id, ensure_not_being_sent, record_results
from ledger.reconciliation.bookings import StatementSource, join_reason
from ledger.reconciliation.matching import list_own_ids
from ledger.reconciliation.statements import PaymentStatus, StatusLevel, StatusOutcome, normalize_reference
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from sql import Connection, query

_FIND_SETTLEMENTS_OF_STATUS = query("find_settlements_of_status")
_ADD_PAYMENT_STATUS = query("add_payment_status")

# The bank has the instruction already, under the same id: the first one stands.
_SAME_ID_CODES = frozenset({"DU01", "DU02", "DU03", "DU04", "DU05"})
_SETTLED_CODES = frozenset({"ACSC", "ACCC"})


class StatusEffect(StrEnum):
    """The effect of a status. Stored with those that a person must review."""

    UNCHANGED = "unchanged"  # it agrees with what is recorded
    PENDING = "pending"  # the bank has not decided
    APPLIED = "applied"
    DUPLICATE_INSTRUCTION = "status_duplicate_instruction"  # the bank took the file for one that it has
    UNCLEAR = "status_code_unclear"
    UNKNOWN = "status_payout_unknown"
    CONFLICT = "status_conflicts"


_REVIEWED_EFFECTS = frozenset(
    {
        StatusEffect.DUPLICATE_INSTRUCTION,
        StatusEffect.UNCLEAR,
        StatusEffect.UNKNOWN,
        StatusEffect.CONFLICT,
    }
)
_SPECIFIC_FIRST = [StatusLevel.TRANSACTION, StatusLevel.PAYMENT_INFORMATION, StatusLevel.MESSAGE]
_SEVERITY = list(StatusEffect)


class Instructed(NamedTuple):
    """An attempt of a payout that a status is of."""

    settlement: Settlement
    payout: Payout
    sending: PayoutStep


class StatusReport(NamedTuple):
    """The effects of a report's statuses, and the number of payouts that changed."""

    effects: list[StatusEffect]
    sent_count: int
    returned_count: int


async def apply_statuses(
    conn: Connection, statuses: Sequence[PaymentStatus], source: StatementSource
) -> StatusReport:
    """Apply the statuses of a report, those of single transfers first; return the effects.

    A status of a whole message says nothing about a transfer that has one of its own. Joins the
    caller's transaction.
    """
    is_repeated = any(s.is_duplicate_refusal and s.level is not StatusLevel.TRANSACTION for s in statuses)
    decided, effects, changes = set[str](), list[StatusEffect](), list[StatusOutcome]()
    for level in _SPECIFIC_FIRST:
        named = set[str]()
        for status in (status for status in statuses if status.level is level):
            concerned = await _lock_concerned(conn, status)
            named |= {item.payout.payout_id for item in concerned}
            undecided = [item for item in concerned if item.payout.payout_id not in decided]
            effects_by_item = classify_items(status, undecided, is_repeated=is_repeated)
            for item, effect in zip(undecided, effects_by_item, strict=True):
                if effect is StatusEffect.APPLIED:
                    await record_status(conn, status, item.settlement, item.payout, source)
                    changes.append(status.outcome)
            worst = max(effects_by_item, key=_SEVERITY.index, default=_default_effect(status, concerned))
            effects.append(await _store(conn, status, worst, source) if worst in _REVIEWED_EFFECTS else worst)
        decided |= named
    refused_count = changes.count(StatusOutcome.REFUSED)
    return StatusReport(effects, len(changes) - refused_count, refused_count)


def _default_effect(status: PaymentStatus, concerned: Sequence[Instructed]) -> StatusEffect:
    """Return the effect of a status of no attempt, or of attempts that have one of their own."""
    if concerned:
        return StatusEffect.UNCHANGED
    is_head = status.level is not StatusLevel.TRANSACTION and not _message_ids(status)
    return StatusEffect.PENDING if is_head and status.outcome is StatusOutcome.PENDING else StatusEffect.UNKNOWN


async def _lock_concerned(conn: Connection, status: PaymentStatus) -> list[Instructed]:
    """Return the attempts that a status is of; their settlements are locked in the order of ids."""
    message_ids = _message_ids(status)
    rows = await conn.fetch(_FIND_SETTLEMENTS_OF_STATUS, message_ids, list_own_ids(status.references))
    settlements = [await lock_settlement(conn, row["settlement_id"]) for row in rows]
    return find_concerned(status, settlements)


def _message_ids(status: PaymentStatus) -> list[str]:
    ids = status.message_id, status.payment_information_id
    return [normalize_reference(message_id) for message_id in ids if message_id]


def find_concerned(status: PaymentStatus, settlements: Sequence[Settlement]) -> list[Instructed]:
    """Return the attempts that a status is of, none if they are not certain. Pure."""
    message_ids = _message_ids(status)
    attempts = [
        Instructed(settlement, payout, step)
        for settlement in settlements
        for payout in settlement.payouts
        for step in first_sendings(payout)
    ]
    in_message = [item for item in attempts if item.sending.message_id in message_ids]
    if status.level is not StatusLevel.TRANSACTION:
        return in_message
    named = [item for item in attempts if _attempt_id(item) in status.references]
    if named:
        is_of_other_message = bool(list_own_ids(message_ids)) and not any(item in in_message for item in named)
        return [] if is_of_other_message else named
    has_own_id = bool(list_own_ids(status.references))
    return in_message if len(in_message) == 1 and not has_own_id else []


def first_sendings(payout: Payout) -> list[PayoutStep]:
    """Return the first sending in each message of a payout; a later one only reports it. Pure."""
    sendings = [step for step in payout.steps if step.state is PayoutState.SENDING]
    return list({step.message_id: step for step in reversed(sendings)}.values())


def _attempt_id(item: Instructed) -> str:
    return end_to_end_id(item.payout.payout_id, item.sending.attempt)


def classify_items(
    status: PaymentStatus, items: Sequence[Instructed], *, is_repeated: bool = False
) -> list[StatusEffect]:
    """Return the effect of a status on each attempt that it is of.

    `is_repeated`: the report refuses the whole file as a duplicate. Pure.
    """
    if status.outcome is StatusOutcome.UNCLEAR:
        return [StatusEffect.UNCLEAR for _ in items]
    if status.outcome is StatusOutcome.PENDING:
        return [StatusEffect.PENDING for _ in items]
    return [classify_status(status, item, is_repeated=is_repeated) for item in items]


def classify_status(status: PaymentStatus, item: Instructed, *, is_repeated: bool = False) -> StatusEffect:
    """Classify an acceptance or a refusal against the steps of the attempt that it is of. Pure."""
    is_latest = item.sending.attempt == item.payout.latest_step.attempt
    states = {step.state: step for step in item.payout.steps if step.attempt == item.sending.attempt}
    if status.outcome is StatusOutcome.REFUSED:
        return _classify_refusal(status, states, is_repeated=is_repeated)
    returned = states.get(PayoutState.RETURNED)
    if returned is None:
        is_new = is_latest and item.payout.state is PayoutState.SENDING
        return StatusEffect.APPLIED if is_new else StatusEffect.UNCHANGED
    was_refused = returned.bank_day is None and PayoutState.PAID not in states
    is_accepted_first = PayoutState.SENT in states and status.status_code not in _SETTLED_CODES
    return StatusEffect.CONFLICT if was_refused and not is_accepted_first else StatusEffect.UNCHANGED


def _classify_refusal(
    status: PaymentStatus, states: dict[PayoutState, PayoutStep], *, is_repeated: bool
) -> StatusEffect:
    if PayoutState.RETURNED in states:
        return StatusEffect.UNCHANGED
    is_of_first = status.is_duplicate_refusal and (
        is_repeated or status.level is not StatusLevel.TRANSACTION or status.reason_code in _SAME_ID_CODES
    )
    if PayoutState.PAID in states:
        return StatusEffect.UNCHANGED if is_of_first else StatusEffect.CONFLICT
    return StatusEffect.DUPLICATE_INSTRUCTION if is_of_first else StatusEffect.APPLIED


async def record_status(
    conn: Connection, status: PaymentStatus, settlement: Settlement, payout: Payout, source: StatementSource
) -> None:
    """Record an acceptance or a refusal of a payout. Joins the caller's transaction.

    Raises ConcurrentUpdate if the payout is being sent right now.
    """
    is_refused = status.outcome is StatusOutcome.REFUSED
    if is_refused:
        await ensure_not_being_sent(conn, payout)
    outcome = PaymentOutcome.REFUSED if is_refused else PaymentOutcome.ACCEPTED
    result = PaymentResult(outcome, reason=join_reason(status))
    await record_results(conn, settlement, [payout], result, source.by, source.at, source.evidence)


async def _store(
    conn: Connection, status: PaymentStatus, effect: StatusEffect, source: StatementSource
) -> StatusEffect:
    """Store a status for a person to review, once; a repeated one is unchanged."""
    is_added = await conn.fetchval(
        _ADD_PAYMENT_STATUS,
        status_id(status),
        *(status.level.value, status.status_code, status.message_id, status.payment_information_id),
        *(list(status.references), status.reason_code, status.reason_text, effect.value),
        *(source.evidence, source.by, source.at),
    )
    return effect if is_added else StatusEffect.UNCHANGED


def status_id(status: PaymentStatus) -> str:
    """Return an id derived from the content, so that a repeated status is listed once. Pure."""
    content: list[Any] = [
        *(status.level.value, status.status_code, status.message_id, status.payment_information_id),
        *(list(status.references), status.reason_code, status.reason_text),
    ]
    return f"sts_{sha256(rfc8785.dumps(content)).hexdigest()[:16]}"
