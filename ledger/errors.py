"""What the ledger refuses.

    LedgerError
    ├── KeyReused        an idempotency key came back with other content
    ├── BalanceFloor     an account would fall below zero
    ├── CorrectedBefore  a transfer is corrected at most once
    ├── Raced            another was faster, or what was asked for does not follow from where it stands
    └── SettlementRefused  a settlement or payout cannot be as it was asked for

A broken invariant is none of these: it crashes.
"""


class LedgerError(Exception):
    """A posting that was asked for and is refused; nothing of it was kept."""


class IdempotencyKeyConflict(LedgerError):
    """The idempotency key was used before, and `field` was another then."""

    def __init__(self, key: str, field: str) -> None:
        super().__init__(f"idempotency key {key!r} was used before with another {field}")
        self.field = field


class BalanceFloor(LedgerError):
    """The account that money would leave does not hold that much."""


class AlreadyCorrected(LedgerError):
    """The transfer was corrected already."""


class ConcurrentUpdate(LedgerError):
    """Another was faster: look again."""


class SettlementRefused(LedgerError):
    """What was asked of a settlement or a payout cannot be; the message is one clear sentence."""
