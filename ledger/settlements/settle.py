"""T3, a settlement: for one campaign and period an envelope of fixed total, moved from `pledged` to `payable`.

What is due is given; what was settled before is read. So the same period again, or from five instances at once, is
the same one settlement: the caller holds the campaign's lock, and the row of (campaign, period) is unique.
"""

from base64 import b32encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from ledger.accounting.journal import Account, Posting, Step, post
from ledger.publication.outbox import queue_leaf
from ledger.settlements.payout_steps import PayoutStep, State, take_step
from ledger.settlements.periods import Period
from sql import Connection, query

_NAMESPACE = UUID("2f1f9a0c-6b1d-5d2e-8c3a-736574746c65")  # of settlements and payouts: UUIDv5 of what they are of
_TOKEN_CHARS = 20

_FIND_LAST_SETTLED_PERIOD = query("find_last_settled_period")
_ADD_SETTLEMENT = query("add_settlement")
_ADD_SHARES = query("add_shares")
_ADD_PAYOUTS = query("add_payouts")
_LIST_CHARITY_BALANCES = query("list_charity_balances")
_LIST_RESERVED_AMOUNTS = query("list_reserved_amounts")


@dataclass(frozen=True, slots=True)
class Due:
    """What a period may take: each charity's running total in minor units, and where its money goes."""

    campaign: str
    currency: str
    period: Period
    totals_minor: Mapping[str, int]  # in the order of the terms
    payees: Mapping[str, str]  # RFC 8785 JSON: name and account
    minimum_minor: int


class Held(NamedTuple):
    """What a charity of the campaign has had settled, and how much of it no payout has taken yet."""

    settled_minor: int = 0
    carried_minor: int = 0


class Share(NamedTuple):
    """What a charity gets of an envelope, and brings along from before."""

    charity: str
    share_minor: int
    brought_minor: int

    @property
    def together_minor(self) -> int:
        """What could be sent."""
        return self.share_minor + self.brought_minor


class Settled(NamedTuple):
    """What settling a period did."""

    settlement_id: str
    period: date
    total_minor: int
    payouts: int


def shares(due: Due, held: Mapping[str, Held]) -> list[Share]:
    """Return what each charity gets now: its running total less what was settled for it before. Pure.

    Where a charity had more than is due to it now, for likes were found fake since, the envelope is smaller by that,
    borne evenly by those to whom something is due. Charities that bring something along are named too.
    """
    names = list(dict.fromkeys([*due.totals_minor, *held]))
    missing = {name: due.totals_minor.get(name, 0) - held.get(name, Held()).settled_minor for name in names}
    over = -sum(minor for minor in missing.values() if minor < 0)
    parts = less({name: minor for name, minor in missing.items() if minor > 0}, over)
    found = [Share(name, parts.get(name, 0), held.get(name, Held()).carried_minor) for name in names]
    return [share for share in found if share.together_minor]


def less(parts_minor: Mapping[str, int], over_minor: int) -> dict[str, int]:
    """Return the parts less `over_minor`, taken evenly from all; nothing falls below zero. Pure."""
    left = {}
    for place, (name, minor) in enumerate(sorted(parts_minor.items(), key=lambda part: part[1])):
        cut = min(minor, over_minor // (len(parts_minor) - place))
        left[name] = minor - cut
        over_minor -= cut
    return left


def is_sent(due: Due, share: Share) -> bool:
    """Tell whether a share is paid out now: it reaches the minimum, or no later one can bring it along. Pure."""
    return due.period.is_last or share.together_minor >= max(1, due.minimum_minor)


async def settled_upto(conn: Connection, campaign: str) -> tuple[date | None, bool]:
    """Return the newest period that was looked at, and whether the campaign's last settlement was made."""
    row = await conn.fetchrow(_FIND_LAST_SETTLED_PERIOD, campaign)
    return (row["period"], row["is_ended"]) if row is not None else (None, False)


async def settle(conn: Connection, due: Due, made_by: str, now: datetime) -> Settled:
    """Settle a period in the caller's transaction, which holds the campaign's lock and knows it is not settled."""
    found = shares(due, await _held(conn, due.campaign))
    if not due.period.is_last and not any(share.share_minor for share in found):
        found = []
    token = _token(f"{due.campaign}/{due.period.day}")
    settled = Settled(f"stl_{token}", due.period.day, sum(s.share_minor for s in found), len(found))
    await _add(conn, due, settled, made_by, now)
    if not found:
        return settled
    transfers = [await _move(conn, due, settled, share) for share in found]
    columns = zip(*((s.charity, s.share_minor, s.brought_minor) for s in found), strict=True)
    await conn.execute(_ADD_SHARES, settled.settlement_id, *columns, transfers)
    await _tell_log(conn, due, settled, found)
    sent = [share for share in found if is_sent(due, share)]
    await _make_payouts(conn, due, settled, sent, made_by, now)
    return settled._replace(payouts=len(sent))


def _token(subject: str) -> str:
    """Return 100 bits that name the subject: the same again cannot be another."""
    return b32encode(uuid5(_NAMESPACE, subject).bytes).decode().lower()[:_TOKEN_CHARS]


async def _held(conn: Connection, campaign: str) -> dict[str, Held]:
    reserved = {row["charity"]: row["reserved_minor"] for row in await conn.fetch(_LIST_RESERVED_AMOUNTS, campaign)}
    return {
        row["charity"]: Held(row["settled_minor"], row["payable_minor"] - reserved.get(row["charity"], 0))
        for row in await conn.fetch(_LIST_CHARITY_BALANCES, campaign)
    }


async def _add(conn: Connection, due: Due, settled: Settled, made_by: str, now: datetime) -> None:
    period = due.period
    row = settled.settlement_id, due.campaign, period.day, period.cut_off, due.currency, settled.total_minor
    await conn.execute(_ADD_SETTLEMENT, *row, period.is_last, made_by, now)


async def _move(conn: Connection, due: Due, settled: Settled, share: Share) -> UUID | None:
    if not share.share_minor:
        return None
    source = Account("pledged", due.currency, due.campaign)
    target = Account("payable", due.currency, due.campaign, share.charity)
    key = f"settle/{settled.settlement_id}/{share.charity}"
    return await post(conn, Posting(key, Step.SETTLE, source, target, share.share_minor, settled.settlement_id))


async def _tell_log(conn: Connection, due: Due, settled: Settled, found: Sequence[Share]) -> None:
    body = {
        "campaign": due.campaign,
        "settlement": settled.settlement_id,
        "period": due.period.day.isoformat(),
        "cut_off": due.period.cut_off.isoformat(),
        "total_minor": settled.total_minor,
        "shares": [{"charity": share.charity, "amount_minor": share.share_minor} for share in found],
    }
    await queue_leaf(conn, "settlement", f"settlement/{settled.settlement_id}", body)


async def _make_payouts(
    conn: Connection, due: Due, settled: Settled, sent: Sequence[Share], made_by: str, now: datetime
) -> None:
    if not sent:
        return
    ids = [f"pay_{_token(f'{settled.settlement_id}/{share.charity}')}" for share in sent]
    columns = [share.charity for share in sent], [share.together_minor for share in sent]
    await conn.execute(_ADD_PAYOUTS, settled.settlement_id, ids, *columns)
    for payout_id, share in zip(ids, sent, strict=True):
        first = PayoutStep(payout_id, 1, State.WAITING, 1, due.payees[share.charity], made_by, now)
        await take_step(conn, first, due.campaign, settled.settlement_id, share.charity, share.together_minor)
