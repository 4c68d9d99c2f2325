"""Which transfers moved a payout's money: ids follow from its steps, for each is posted under a key of its own."""

from collections.abc import Iterator
from uuid import UUID

from ledger.accounting.journal import TransferStep, transfer_id
from ledger.settlements.model import Payout
from ledger.settlements.payout_steps import PayoutState

STATE_BY_STEP = {TransferStep.SEND: PayoutState.SENDING, TransferStep.CONFIRM: PayoutState.PAID}
_STEP_BY_STATE = {state: step for step, state in STATE_BY_STEP.items()}


def transfer_key(step: TransferStep, payout_id: str, number: int) -> str:
    """Return the idempotency key of a transfer: it is made at most once out of each step of the payout. Pure."""
    return f"{step.value}/{payout_id}/{number}"


def correction_key(corrected_id: UUID) -> str:
    """Return the idempotency key of the transfer that takes another back. Pure."""
    return f"correct/{corrected_id}"


def transfers_by_step(payout: Payout, settlement_transfer_id: UUID | None = None) -> dict[int, list[UUID]]:
    """Return the transfers that were posted with each step, by the step's number.

    `settled_by` moved the share that it was made of, if any was. Pure.
    """
    found: dict[int, list[UUID]] = {}
    right: list[UUID] = [settlement_transfer_id] if settlement_transfer_id else []  # what could go back, oldest first
    for step in payout.steps:
        if step.state in _STEP_BY_STATE:
            right.append(transfer_id(transfer_key(_STEP_BY_STATE[step.state], payout.payout_id, step.number - 1)))
            found[step.number] = right[-1:]
        elif step.state in (PayoutState.RETURNED, PayoutState.CANCELLED):
            kept = right[:1] if settlement_transfer_id and step.state is PayoutState.RETURNED else []
            found[step.number] = list(_correction_ids(right[len(kept) :]))
            right = kept
        else:
            found[step.number] = [settlement_transfer_id] if settlement_transfer_id and step.number == 1 else []
    return found


def _correction_ids(transfer_ids: list[UUID]) -> Iterator[UUID]:
    return (transfer_id(correction_key(moved)) for moved in reversed(transfer_ids))
