"""What the ledger refuses: a stable code with typed values, never a sentence.

    Refusal
    └── LedgerError
        ├── IdempotencyKeyConflict  an idempotency key came back with other content
        ├── BalanceFloor            an account would fall below zero
        ├── AlreadyCorrected        a transfer is corrected at most once
        ├── ConcurrentUpdate        another transaction was faster
        ├── CronRefused             a cron line does not say when settlements fall due
        └── SettlementRefused       a settlement or payout does not allow the request

A broken invariant is none of these: it crashes.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Union

Param = Union[str, int, date, Sequence[str], "Refusal"]


def format_code(code: str, params: Mapping[str, Param]) -> str:
    """Return a code and its values in one line: `payout_not_sending: payout=pay_1, state=paid`."""
    values = ", ".join(f"{name}={value}" for name, value in params.items())
    return f"{code}: {values}" if values else code


class Refusal(Exception):
    """An expected refusal; the caller's transaction is to be rolled back.

    `code` is stable. The catalogue (`ops/site/refusals/`) has its sentence in both languages, with
    a placeholder for every parameter. The last word of a parameter's name tells its kind:
    `…_minor`, `…_bp`, `day`, `state`, `role`.
    """

    def __init__(self, code: str, **params: Param) -> None:
        super().__init__(code)
        self.code, self.params = code, params

    def __str__(self) -> str:
        return format_code(self.code, self.params)


class LedgerError(Refusal):
    """The ledger refuses the request and stores nothing."""


class IdempotencyKeyConflict(LedgerError):
    """The idempotency key was used before with another value of `field`."""

    def __init__(self, key: str, field: str) -> None:
        super().__init__("idempotency_key_conflict", key=key, field=field)
        self.field = field


class BalanceFloor(LedgerError):
    """The account that the money would leave holds less than the amount."""


class AlreadyCorrected(LedgerError):
    """The transfer has been corrected before."""


class ConcurrentUpdate(LedgerError):
    """Another transaction was faster; read again and retry."""


class CronRefused(LedgerError, ValueError):
    """A cron line does not say when settlements fall due."""


class SettlementRefused(LedgerError):
    """A settlement or a payout does not allow the request."""
