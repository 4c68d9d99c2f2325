"""The only writer of transfers and balances: double entry, append-only, one step a transfer.

    world ─fund─▶ budget ─pledge─▶ pledged ─settle─▶ payable ─send─▶ in_flight ─confirm─▶ paid

A transfer is one row, so it is balanced by construction. A correction moves money one step left and
names the transfer that it corrects. Every function here joins the caller's transaction.
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
    """Return the id of the transfer with an idempotency key, posted or not. Pure."""
    return uuid5(_NAMESPACE, key)


class TransferStep(StrEnum):
    """The movement that a transfer makes."""

    FUND = "fund"
    PLEDGE = "pledge"
    SETTLE = "settle"
    SEND = "send"
    CONFIRM = "confirm"


class Account(NamedTuple):
    """The identity of an account; `campaign` is empty for `world`, `charity` left of `payable`."""

    kind: str
    currency: str
    campaign: str = ""
    charity: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """A transfer to post; a correction moves money from the right-hand account to the left."""

    key: str  # the idempotency key: posting it again returns the same transfer
    step: TransferStep
    source: Account
    target: Account
    amount_minor: int
    reference: str
    corrects: UUID | None = None

    def __post_init__(self) -> None:
        """Raise ValueError if money would move between two campaigns or two charities."""
        for side in ("campaign", "charity"):
            owners = {getattr(account, side) for account in (self.source, self.target)} - {""}
            if len(owners) > 1:
                raise ValueError(f"a transfer joins two accounts of the same {side}, not of {sorted(owners)}")

    @property
    def transfer_id(self) -> UUID:
        """Return the id, derived from the key so that a retry cannot create another."""
        return transfer_id(self.key)


class LockedAccount(NamedTuple):
    """The state of a locked account before the transfer."""

    account_id: int
    balance_minor: int
    version: int


async def post_transfer(conn: Connection, posting: Posting) -> UUID:
    """Post one transfer and enqueue its leaf; return its id. Posting it again changes nothing.

    Raises IdempotencyKeyConflict if the key was used for another transfer, BalanceFloor if the
    source account holds too little, and AlreadyCorrected if `corrects` has a correction. After
    these the caller's transaction must be rolled back. Joins the caller's transaction.
    """
    source, target = await _lock_accounts(conn, posting)
    stored = await conn.fetchrow(_FIND_TRANSFER, posting.key)
    if stored is not None:
        _require_same_content(posting, stored, source, target)
        return posting.transfer_id
    await _write_transfer(conn, posting, source, target)
    await enqueue_leaf(conn, "transfer", f"transfer/{posting.transfer_id}", _transfer_leaf(posting))
    return posting.transfer_id


async def open_accounts(conn: Connection, accounts: Sequence[Account]) -> None:
    """Create those of the accounts that do not exist. Joins the caller's transaction."""
    await conn.execute(_CREATE_ACCOUNTS, *_columns(accounts))


def _columns(accounts: Sequence[Account]) -> list[list[str]]:
    return [list(column) for column in zip(*accounts, strict=True)]


async def _lock_accounts(conn: Connection, posting: Posting) -> tuple[LockedAccount, LockedAccount]:
    """Lock both accounts in the order of their ids, so that two postings never deadlock."""
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
    content = {
        "step": posting.step,
        "from_account": source.account_id,
        "to_account": target.account_id,
        "amount_minor": posting.amount_minor,
        "corrects": posting.corrects,
        "reference": posting.reference,
    }
    for field, value in content.items():
        if stored[field] != value:
            raise IdempotencyKeyConflict(posting.key, field)


async def _write_transfer(conn: Connection, posting: Posting, source: LockedAccount, target: LockedAccount) -> None:
    try:
        await conn.execute(_ADD_TO_BALANCE, source.account_id, -posting.amount_minor)
        await conn.execute(_ADD_TO_BALANCE, target.account_id, posting.amount_minor)
        await conn.execute(_ADD_TRANSFER, *_transfer_row(posting, source, target))
    except asyncpg.CheckViolationError as error:
        if error.constraint_name == "accounts_balance_floor":
            raise _balance_floor(posting) from error
        raise
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "transfers_are_corrected_at_most_once":
            raise AlreadyCorrected("transfer_already_corrected", transfer=str(posting.corrects)) from error
        raise


def _balance_floor(posting: Posting) -> BalanceFloor:
    source = posting.source
    return BalanceFloor(
        "balance_too_low",
        account=source.kind,
        campaign=source.campaign,
        minor=posting.amount_minor,
        currency=source.currency,
    )


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
    """Return the body of the transfer's leaf in the public log."""
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
