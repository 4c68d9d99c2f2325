"""What the ledger refuses.

    LedgerError
    ├── KeyReused        an idempotency key came back with other content
    ├── BalanceFloor     an account would fall below zero
    └── CorrectedBefore  a transfer is corrected at most once

A broken invariant is none of these: it crashes.
"""


class LedgerError(Exception):
    """A posting that was asked for and is refused; nothing of it was kept."""


class KeyReused(LedgerError):
    """The idempotency key was used before, and `field` was another then."""

    def __init__(self, key: str, field: str) -> None:
        super().__init__(f"idempotency key {key!r} was used before with another {field}")
        self.field = field


class BalanceFloor(LedgerError):
    """The account that money would leave does not hold that much."""


class CorrectedBefore(LedgerError):
    """The transfer was corrected already."""
