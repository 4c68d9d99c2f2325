"""Which transfers moved a payout's money: ids follow from its steps, for each is posted under a key of its own."""

from collections.abc import Iterator
from uuid import UUID

from ledger.accounting.journal import Step, transfer_id
from ledger.settlements.model import Payout
from ledger.settlements.payout_steps import State

MOVED_INTO = {Step.SEND: State.SENDING, Step.CONFIRM: State.PAID}
_STEP_INTO = {state: step for step, state in MOVED_INTO.items()}


def key(step: Step, payout_id: str, number: int) -> str:
    """Return the idempotency key of a transfer: it is made at most once out of each step of the payout. Pure."""
    return f"{step.value}/{payout_id}/{number}"


def correction_key(corrected: UUID) -> str:
    """Return the idempotency key of the transfer that takes another back. Pure."""
    return f"correct/{corrected}"


def transfers(payout: Payout, settled_by: UUID | None = None) -> dict[int, list[UUID]]:
    """Return the transfers that were posted with each step, by the step's number.

    `settled_by` moved the share that it was made of, if any was. Pure.
    """
    found: dict[int, list[UUID]] = {}
    right: list[UUID] = [settled_by] if settled_by else []  # what could go back, oldest first
    for step in payout.steps:
        if step.state in _STEP_INTO:
            right.append(transfer_id(key(_STEP_INTO[step.state], payout.payout_id, step.number - 1)))
            found[step.number] = right[-1:]
        elif step.state in (State.RETURNED, State.CANCELLED):
            kept = right[:1] if settled_by and step.state is State.RETURNED else []
            found[step.number] = list(_taken_back(right[len(kept) :]))
            right = kept
        else:
            found[step.number] = [settled_by] if settled_by and step.number == 1 else []
    return found


def _taken_back(right: list[UUID]) -> Iterator[UUID]:
    return (transfer_id(correction_key(moved)) for moved in reversed(right))
