"""The only writer of transfers and balances: double entry, append-only, each transfer one step along the line.

    world ──fund──▶ budget ──pledge──▶ pledged ──settle──▶ payable ──send──▶ in_flight ──confirm──▶ paid

A transfer is one row, so it is balanced by construction. A correction is one step left and names the transfer
that it corrects. Every function here joins the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID, uuid5

import asyncpg

from ledger.errors import AlreadyCorrected, BalanceFloor, IdempotencyKeyConflict
from ledger.publication.outbox import enqueue_leaf
from sql import Connection, query

_NAMESPACE = UUID("6d1c1e5e-3b0f-5c46-9a55-6c696b65206c")  # of transfer ids: UUIDv5 (RFC 9562) of the idempotency key

_CREATE_ACCOUNTS = query("create_accounts")
_LOCK_ACCOUNTS = query("lock_accounts")
_FIND_TRANSFER = query("find_transfer")
_ADD_TO_BALANCE = query("add_to_balance")
_ADD_TRANSFER = query("add_transfer")


def transfer_id(key: str) -> UUID:
    """Return the id of the transfer that an idempotency key stands for, posted or not. Pure."""
    return uuid5(_NAMESPACE, key)


class TransferStep(StrEnum):
    """What a transfer does."""

    FUND = "fund"
    PLEDGE = "pledge"
    SETTLE = "settle"
    SEND = "send"
    CONFIRM = "confirm"


class Account(NamedTuple):
    """An account by what it is; `campaign` is empty for `world`, `charity` left of `payable`."""

    kind: str
    currency: str
    campaign: str = ""
    charity: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """A transfer that is asked for. A correction runs from the right-hand account to the left-hand one."""

    key: str  # the idempotency key: the same posting again is the same transfer
    step: TransferStep
    source: Account
    target: Account
    amount_minor: int
    reference: str
    corrects: UUID | None = None

    def __post_init__(self) -> None:
        """Money never moves between campaigns, nor between charities."""
        for side in ("campaign", "charity"):
            named = {getattr(account, side) for account in (self.source, self.target)} - {""}
            if len(named) > 1:
                raise ValueError(f"a transfer joins two accounts of one {side}, not of {sorted(named)}")

    @property
    def transfer_id(self) -> UUID:
        """Derived from the key, so that a retry cannot mint another."""
        return transfer_id(self.key)


class LockedAccount(NamedTuple):
    """An account as a transfer found it, under its lock."""

    account_id: int
    balance_minor: int
    version: int


async def post_transfer(conn: Connection, posting: Posting) -> UUID:
    """Post one transfer and queue its leaf; return its id. The same posting again posts nothing.

    Raises KeyReused, BalanceFloor or CorrectedBefore; the caller's transaction is broken then and must end.
    """
    source, target = await _lock_accounts(conn, posting)
    known = await conn.fetchrow(_FIND_TRANSFER, posting.key)
    if known is not None:
        _require_same_content(posting, known, source, target)
        return posting.transfer_id
    await _write_transfer(conn, posting, source, target)
    await enqueue_leaf(conn, "transfer", f"transfer/{posting.transfer_id}", _transfer_leaf(posting))
    return posting.transfer_id


async def open_accounts(conn: Connection, accounts: Sequence[Account]) -> None:
    """Open the accounts that are not there yet; joins the caller's transaction."""
    await conn.execute(_CREATE_ACCOUNTS, *_columns(accounts))


def _columns(accounts: Sequence[Account]) -> list[list[str]]:
    return [list(column) for column in zip(*accounts, strict=True)]


async def _lock_accounts(conn: Connection, posting: Posting) -> tuple[LockedAccount, LockedAccount]:
    """Lock both accounts, in order of their ids whatever the direction: two postings never wait for each other."""
    pair = (posting.source, posting.target)
    rows = await conn.fetch(_LOCK_ACCOUNTS, *_columns(pair))
    if len(rows) < len(pair):
        await open_accounts(conn, pair)
        rows = await conn.fetch(_LOCK_ACCOUNTS, *_columns(pair))
    sides = {Account(*row[:4]): LockedAccount(*row[4:]) for row in map(tuple, rows)}
    return sides[posting.source], sides[posting.target]


def _require_same_content(
    posting: Posting, stored: asyncpg.Record, source: LockedAccount, target: LockedAccount
) -> None:
    asked = {
        "step": posting.step,
        "from_account": source.account_id,
        "to_account": target.account_id,
        "amount_minor": posting.amount_minor,
        "corrects": posting.corrects,
        "reference": posting.reference,
    }
    for field, value in asked.items():
        if stored[field] != value:
            raise IdempotencyKeyConflict(posting.key, field)


async def _write_transfer(conn: Connection, posting: Posting, source: LockedAccount, target: LockedAccount) -> None:
    try:
        await conn.execute(_ADD_TO_BALANCE, source.account_id, -posting.amount_minor)
        await conn.execute(_ADD_TO_BALANCE, target.account_id, posting.amount_minor)
        await conn.execute(_ADD_TRANSFER, *_transfer_row(posting, source, target))
    except asyncpg.CheckViolationError as error:
        if error.constraint_name == "accounts_balance_is_not_negative":
            raise BalanceFloor(f"{posting.source} does not hold {posting.amount_minor} minor units") from error
        raise
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "transfers_are_corrected_at_most_once":
            raise AlreadyCorrected(f"{posting.corrects} was corrected before") from error
        raise


def _transfer_row(posting: Posting, source: LockedAccount, target: LockedAccount) -> tuple[object, ...]:
    amount_minor = posting.amount_minor
    return (
        posting.transfer_id,
        posting.key,
        posting.step,
        source.account_id,
        target.account_id,
        posting.source.kind,
        posting.target.kind,
        posting.source.currency,
        amount_minor,
        source.balance_minor - amount_minor,
        target.balance_minor + amount_minor,
        source.version + 1,
        target.version + 1,
        posting.corrects,
        posting.reference,
    )


def _transfer_leaf(posting: Posting) -> dict[str, object]:
    """Return what the public log tells of a transfer."""
    return {
        "transfer": str(posting.transfer_id),
        "step": posting.step.value,
        "campaign": posting.source.campaign or posting.target.campaign,
        "charity": posting.source.charity or posting.target.charity,
        "currency": posting.source.currency,
        "amount_minor": posting.amount_minor,
        "corrects": str(posting.corrects) if posting.corrects else None,
        "reference": posting.reference,
    }
