"""Settlements as they stand: envelope, shares and payouts. Every state is derived from the steps, none is stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import rfc8785

from ledger.settlements.payout_steps import PayoutState, PayoutStep
from sql import Connection, query

_READ_SETTLEMENTS = query("read_settlements")
_READ_SHARES = query("read_shares")
_READ_PAYOUT_STEPS = query("read_payout_steps")
_READ_APPROVALS = query("read_approvals")


class SettlementState(StrEnum):
    """Where an envelope is; the value is the public name."""

    OPEN = "open"
    APPROVED = "approved"
    SENDING = "sending"
    SENT = "sent"
    RECONCILED = "reconciled"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """When an envelope needs people: `approvals` of them where more than `threshold_minor` would leave."""

    approvals_min: int
    threshold_minor: int


@dataclass(frozen=True, slots=True)
class Payout:
    """Money to one charity, and every step it took."""

    payout_id: str
    charity: str
    amount_minor: int
    steps: tuple[PayoutStep, ...]

    @property
    def latest_step(self) -> PayoutStep:
        """The newest step."""
        return self.steps[-1]

    @property
    def state(self) -> PayoutState:
        """Where it is."""
        return self.latest_step.state

    @property
    def evidence(self) -> list[str]:
        """SHA-256 of the files that say what became of it, first to last, in hex."""
        return list(dict.fromkeys(step.evidence.hex() for step in self.steps if step.evidence))

    def entered_at(self, state: PayoutState) -> datetime | None:
        """Return when it last came to a state that it has not left by another attempt."""
        return next((s.at for s in self.steps if s.state is state and s.attempt == self.latest_step.attempt), None)


@dataclass(frozen=True, slots=True)
class SettlementShare:
    """A charity's share of an envelope; without a payout it is carried over."""

    charity: str
    share_minor: int
    brought_minor: int
    transfer_id: UUID | None
    payout: Payout | None


@dataclass(frozen=True)
class Settlement:
    """One settlement."""

    settlement_id: str
    campaign: str
    period: date
    cut_off: date
    currency: str
    total_minor: int
    is_last: bool
    made_by: str
    made_at: datetime
    shares: tuple[SettlementShare, ...]
    approvals: tuple[tuple[bytes, str], ...]  # hash and person

    @property
    def payouts(self) -> list[Payout]:
        """In the order of the terms."""
        return [share.payout for share in self.shares if share.payout]

    @property
    def carried_minor_by_charity(self) -> dict[str, int]:
        """What waits below the minimum, by charity. Of a cancelled envelope nothing: its money went back."""
        if self.payouts and all(payout.state is PayoutState.CANCELLED for payout in self.payouts):
            return {}
        return {s.charity: s.share_minor + s.brought_minor for s in self.shares if s.payout is None}

    @property
    def payout_counts(self) -> dict[str, int]:
        """How many payouts are in which state: they always add up to the envelope's."""
        states = Counter(payout.state for payout in self.payouts)
        return {state.value: states[state] for state in PayoutState}

    @property
    def to_send_minor(self) -> int:
        """What would leave, all payouts together."""
        return sum(payout.amount_minor for payout in self.payouts)

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of all that is approved (RFC 8785 JSON); another attempt or account makes it another."""
        payouts = [
            {
                "payout": p.payout_id,
                "attempt": p.latest_step.attempt,
                "charity": p.charity,
                "amount_minor": p.amount_minor,
                "payee": orjson.loads(p.latest_step.payee),
            }
            for p in self.payouts
        ]
        told = {"settlement": self.settlement_id, "campaign": self.campaign, "currency": self.currency}
        when = {"period": self.period.isoformat(), "cut_off": self.cut_off.isoformat()}
        return sha256(rfc8785.dumps(told | when | {"total_minor": self.total_minor, "payouts": payouts})).digest()

    @property
    def makers(self) -> frozenset[str]:
        """Who made it, and who asked for the attempts that its payouts are at: they approve nothing of it."""
        began = {next(s.by for s in p.steps if s.attempt == p.latest_step.attempt) for p in self.payouts}
        return frozenset({self.made_by, *began})

    @property
    def approvers(self) -> list[str]:
        """Who approved it as it is now, first to last; the makers never count."""
        return [person for found, person in self.approvals if found == self.hash and person not in self.makers]

    def missing_approvals(self, rules: ApprovalRules) -> int:
        """Return how many people still must approve before it may be sent."""
        if self.to_send_minor <= rules.threshold_minor:
            return 0
        return max(0, rules.approvals_min - len(self.approvers))

    def state(self, rules: ApprovalRules) -> SettlementState:
        """Return where it is."""
        states = {payout.state for payout in self.payouts}
        if states == {PayoutState.CANCELLED}:
            return SettlementState.CANCELLED
        if states <= {PayoutState.PAID}:  # nothing to send at all: everything is carried over
            return SettlementState.RECONCILED
        if states <= {PayoutState.SENT, PayoutState.PAID, PayoutState.RETURNED}:
            return SettlementState.SENT
        if states - {PayoutState.WAITING}:
            return SettlementState.SENDING
        return SettlementState.OPEN if self.missing_approvals(rules) else SettlementState.APPROVED


async def list_settlements(
    conn: Connection,
    campaigns: Sequence[str] | None = None,
    settlement_id: str | None = None,
    settlement_ids: Sequence[str] | None = None,
) -> list[Settlement]:
    """Return the settlements that have an envelope, by campaign, oldest first; `among`: only those of these ids."""
    rows = await conn.fetch(_READ_SETTLEMENTS, campaigns, [settlement_id] if settlement_id else settlement_ids)
    ids = [row["settlement_id"] for row in rows]
    shares = await conn.fetch(_READ_SHARES, ids)
    steps: dict[str, list[PayoutStep]] = {}
    payout_ids = [row["payout_id"] for row in shares if row["payout_id"]]
    for row in await conn.fetch(_READ_PAYOUT_STEPS, payout_ids):
        steps.setdefault(row["payout_id"], []).append(PayoutStep(**{**row, "state": PayoutState(row["state"])}))
    held = _group_by_settlement(shares, lambda row: _build_share(row, steps))
    approved = _group_by_settlement(await conn.fetch(_READ_APPROVALS, ids), lambda row: (row["hash"], row["person"]))
    return [
        Settlement(**row, shares=held[i], approvals=approved.get(i, ())) for i, row in zip(ids, rows, strict=True)
    ]


def _group_by_settlement(rows: Sequence[asyncpg.Record], build: Any) -> dict[str, tuple[Any, ...]]:
    groups: dict[str, list[Any]] = {}
    for row in rows:
        groups.setdefault(row["settlement_id"], []).append(build(row))
    return {settlement_id: tuple(found) for settlement_id, found in groups.items()}


def _build_share(row: asyncpg.Record, steps: Mapping[str, Sequence[PayoutStep]]) -> SettlementShare:
    payout = None
    if row["payout_id"] is not None:
        payout = Payout(row["payout_id"], row["charity"], row["amount_minor"], tuple(steps[row["payout_id"]]))
    return SettlementShare(row["charity"], row["share_minor"], row["brought_minor"], row["transfer_id"], payout)
