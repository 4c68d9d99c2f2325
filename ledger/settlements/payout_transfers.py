"""Ids of the transfers that moved a payout's money, derived from the payout's steps."""

from collections.abc import Iterator
from uuid import UUID

from ledger.accounting.journal import TransferStep, transfer_id
from ledger.settlements.model import Payout
from ledger.settlements.payout_steps import PayoutState

STATE_BY_STEP = {TransferStep.SEND: PayoutState.SENDING, TransferStep.CONFIRM: PayoutState.PAID}
_STEP_BY_STATE = {state: step for step, state in STATE_BY_STEP.items()}


def transfer_key(step: TransferStep, payout_id: str, number: int) -> str:
    """Return the idempotency key of a transfer; every step of a payout posts it at most once.

    Pure.
    """
    return f"{step.value}/{payout_id}/{number}"


def correction_key(corrected_id: UUID) -> str:
    """Return the idempotency key of the transfer that reverses another. Pure."""
    return f"correct/{corrected_id}"


def transfers_by_step(payout: Payout, settlement_transfer_id: UUID | None = None) -> dict[int, list[UUID]]:
    """Return the ids of the transfers that every step posted, by step number.

    `settlement_transfer_id` names the transfer that settled the payout's share, if any did. Pure.
    """
    transfers: dict[int, list[UUID]] = {}
    # Transfers that can still go back, oldest first.
    reversible: list[UUID] = [settlement_transfer_id] if settlement_transfer_id else []
    for step in payout.steps:
        if step.state in _STEP_BY_STATE:
            key = transfer_key(_STEP_BY_STATE[step.state], payout.payout_id, step.number - 1)
            reversible.append(transfer_id(key))
            transfers[step.number] = reversible[-1:]
        elif step.state in (PayoutState.RETURNED, PayoutState.CANCELLED):
            stays = reversible[:1] if settlement_transfer_id and step.state is PayoutState.RETURNED else []
            transfers[step.number] = list(_correction_ids(reversible[len(stays) :]))
            reversible = stays
        else:
            is_settling = settlement_transfer_id and step.number == 1
            transfers[step.number] = reversible[:1] if is_settling else []
    return transfers


def _correction_ids(transfer_ids: list[UUID]) -> Iterator[UUID]:
    return (transfer_id(correction_key(corrected_id)) for corrected_id in reversed(transfer_ids))
