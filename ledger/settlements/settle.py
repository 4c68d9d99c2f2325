"""T3: settle one campaign and period, moving a fixed total from `pledged` to `payable`.

The caller passes the amounts due; the amounts settled before are read here. The caller holds the
campaign's lock and the row of (campaign, period) is unique, so five instances at once make one
settlement.
"""

from base64 import b32encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer
from ledger.publication.outbox import enqueue_leaf
from ledger.settlements.payout_steps import PayoutState, PayoutStep, insert_step
from ledger.settlements.periods import Period
from sql import Connection, query

_NAMESPACE = UUID("2f1f9a0c-6b1d-5d2e-8c3a-736574746c65")  # of settlement and payout ids (UUIDv5, RFC 9562)
_ID_CHARS = 20

_FIND_LAST_SETTLED_PERIOD = query("find_last_settled_period")
_ADD_SETTLEMENT = query("add_settlement")
_ADD_SHARES = query("add_shares")
_ADD_PAYOUTS = query("add_payouts")
_LIST_CHARITY_BALANCES = query("list_charity_balances")
_LIST_RESERVED_AMOUNTS = query("list_reserved_amounts")


@dataclass(frozen=True, slots=True)
class AmountsDue:
    """The amounts a period may settle: the running total of every charity, and its payee."""

    campaign: str
    currency: str
    period: Period
    totals_minor: Mapping[str, int]  # in the order of the terms
    payees: Mapping[str, str]  # RFC 8785 JSON: name and account
    minimum_minor: int


class CharityBalance(NamedTuple):
    """The amount settled for a charity so far, and the part of it without a payout."""

    settled_minor: int = 0
    carried_minor: int = 0


class CharityShare(NamedTuple):
    """A charity's share of a settlement, and the amount carried over from earlier ones."""

    charity: str
    share_minor: int
    brought_minor: int

    @property
    def total_minor(self) -> int:
        """Return the amount that could be sent."""
        return self.share_minor + self.brought_minor


class SettlementResult(NamedTuple):
    """The outcome of settling a period."""

    settlement_id: str
    period: date
    total_minor: int
    payout_count: int


def apportion_shares(due: AmountsDue, balances: Mapping[str, CharityBalance]) -> list[CharityShare]:
    """Return every charity's share: its running total less the amount settled for it before. Pure.

    If likes were voided since, a charity may have had more than is due. The other shares bear this
    excess evenly. Charities with an amount carried over are included.
    """
    names = list(dict.fromkeys([*due.totals_minor, *balances]))
    missing = {
        name: due.totals_minor.get(name, 0) - balances.get(name, CharityBalance()).settled_minor for name in names
    }
    excess_minor = -sum(minor for minor in missing.values() if minor < 0)
    parts = deduct_evenly({name: minor for name, minor in missing.items() if minor > 0}, excess_minor)
    shares = [
        CharityShare(name, parts.get(name, 0), balances.get(name, CharityBalance()).carried_minor) for name in names
    ]
    return [share for share in shares if share.total_minor]


def deduct_evenly(parts_minor: Mapping[str, int], excess_minor: int) -> dict[str, int]:
    """Return the parts less `excess_minor`, taken evenly from all; no part falls below zero.

    Pure.
    """
    reduced = {}
    for index, (name, minor) in enumerate(sorted(parts_minor.items(), key=lambda part: part[1])):
        cut = min(minor, excess_minor // (len(parts_minor) - index))
        reduced[name] = minor - cut
        excess_minor -= cut
    return reduced


def reaches_minimum(due: AmountsDue, share: CharityShare) -> bool:
    """Tell whether a share is paid out now: it reaches the minimum, or the period is the last.

    Pure.
    """
    return due.period.is_last or share.total_minor >= max(1, due.minimum_minor)


async def last_settled_period(conn: Connection, campaign: str) -> tuple[date | None, bool]:
    """Return the newest period settled, and whether it was the campaign's last."""
    row = await conn.fetchrow(_FIND_LAST_SETTLED_PERIOD, campaign)
    return (row["period"], row["is_ended"]) if row is not None else (None, False)


async def settle_first_due(
    conn: Connection,
    periods: Sequence[Period],
    amounts_due: Callable[[Period], AmountsDue],
    made_by: str,
    now: datetime,
) -> SettlementResult | None:
    """Settle the first of a campaign's unsettled periods that takes money, or the last one.

    A period that takes nothing gets no row, so it hides no later one. Returns None if none is
    settled. Joins the caller's transaction, which must hold the campaign's lock.
    """
    period = await find_first_due(conn, periods, amounts_due)
    if period is None:
        return None
    due = amounts_due(period)
    shares = apportion_shares(due, await _read_charity_balances(conn, due.campaign))
    return await _settle_period(conn, due, shares, made_by, now)


async def find_first_due(
    conn: Connection, periods: Sequence[Period], amounts_due: Callable[[Period], AmountsDue]
) -> Period | None:
    """Return the first of a campaign's unsettled periods that takes money, or the last one; None without one."""
    if not periods:
        return None
    newest = amounts_due(periods[-1])
    balances = await _read_charity_balances(conn, newest.campaign)
    if not takes_money(newest, apportion_shares(newest, balances)):  # then no earlier one does: totals only grow
        return None
    for period in periods:
        due = amounts_due(period)
        if takes_money(due, apportion_shares(due, balances)):
            return period
    return None


def takes_money(due: AmountsDue, shares: Sequence[CharityShare]) -> bool:
    """Return whether a period is settled: it takes money from `pledged`, or is the last. Pure."""
    return due.period.is_last or any(share.share_minor for share in shares)


async def _settle_period(
    conn: Connection, due: AmountsDue, shares: Sequence[CharityShare], made_by: str, now: datetime
) -> SettlementResult:
    token = _stable_id(f"{due.campaign}/{due.period.day}")
    result = SettlementResult(f"stl_{token}", due.period.day, sum(s.share_minor for s in shares), len(shares))
    await _insert_settlement(conn, due, result, made_by, now)
    if not shares:
        return result
    transfers = [await _post_share(conn, due, result, share) for share in shares]
    columns = zip(*((s.charity, s.share_minor, s.brought_minor) for s in shares), strict=True)
    await conn.execute(_ADD_SHARES, result.settlement_id, *columns, transfers)
    await _enqueue_settlement_leaf(conn, due, result, shares)
    payable = [share for share in shares if reaches_minimum(due, share)]
    await _create_payouts(conn, due, result, payable, made_by, now)
    return result._replace(payout_count=len(payable))


def _stable_id(subject: str) -> str:
    """Return 100 bits derived from the subject, so that settling again gives the same id."""
    return b32encode(uuid5(_NAMESPACE, subject).bytes).decode().lower()[:_ID_CHARS]


async def _read_charity_balances(conn: Connection, campaign: str) -> dict[str, CharityBalance]:
    reserved = {row["charity"]: row["reserved_minor"] for row in await conn.fetch(_LIST_RESERVED_AMOUNTS, campaign)}
    return {
        row["charity"]: CharityBalance(row["settled_minor"], row["payable_minor"] - reserved.get(row["charity"], 0))
        for row in await conn.fetch(_LIST_CHARITY_BALANCES, campaign)
    }


async def _insert_settlement(
    conn: Connection, due: AmountsDue, result: SettlementResult, made_by: str, now: datetime
) -> None:
    period = due.period
    row = result.settlement_id, due.campaign, period.day, period.cut_off, due.currency, result.total_minor
    await conn.execute(_ADD_SETTLEMENT, *row, period.is_last, made_by, now)


async def _post_share(
    conn: Connection, due: AmountsDue, result: SettlementResult, share: CharityShare
) -> UUID | None:
    if not share.share_minor:
        return None
    source = Account("pledged", due.currency, due.campaign)
    target = Account("payable", due.currency, due.campaign, share.charity)
    key = f"settle/{result.settlement_id}/{share.charity}"
    return await post_transfer(
        conn, Posting(key, TransferStep.SETTLE, source, target, share.share_minor, result.settlement_id)
    )


async def _enqueue_settlement_leaf(
    conn: Connection, due: AmountsDue, result: SettlementResult, shares: Sequence[CharityShare]
) -> None:
    body = {
        "campaign": due.campaign,
        "settlement": result.settlement_id,
        "period": due.period.day.isoformat(),
        "cut_off": due.period.cut_off.isoformat(),
        "total_minor": result.total_minor,
        "shares": [{"charity": share.charity, "amount_minor": share.share_minor} for share in shares],
    }
    await enqueue_leaf(conn, "settlement", f"settlement/{result.settlement_id}", body)


async def _create_payouts(
    conn: Connection,
    due: AmountsDue,
    result: SettlementResult,
    shares: Sequence[CharityShare],
    made_by: str,
    now: datetime,
) -> None:
    if not shares:
        return
    ids = [f"pay_{_stable_id(f'{result.settlement_id}/{share.charity}')}" for share in shares]
    columns = [share.charity for share in shares], [share.total_minor for share in shares]
    await conn.execute(_ADD_PAYOUTS, result.settlement_id, ids, *columns)
    for payout_id, share in zip(ids, shares, strict=True):
        first = PayoutStep(payout_id, 1, PayoutState.WAITING, 1, due.payees[share.charity], made_by, now)
        await insert_step(conn, first, due.campaign, result.settlement_id, share.charity, share.total_minor)
