"""Settlements with their shares and payouts. States are derived from the steps and never stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import orjson
import rfc8785

from ledger.person_names import distinct_people, person_key
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from sql import Connection, query

_READ_SETTLEMENTS = query("read_settlements")
_READ_SHARES = query("read_shares")
_READ_PAYOUT_STEPS = query("read_payout_steps")
_READ_APPROVALS = query("read_approvals")
_READ_PAYOUT_DIFFERENCES = query("read_payout_differences")


class SettlementState(StrEnum):
    """The state of a settlement; the value is the public name."""

    OPEN = "open"
    APPROVED = "approved"
    SENDING = "sending"
    SENT = "sent"
    RECONCILED = "reconciled"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """The approvals a settlement needs: `approvals_min` people, above `threshold_minor` to send."""

    approvals_min: int
    threshold_minor: int


class PayoutDifference(NamedTuple):
    """A part of a bank's booking that is no payout: what the account lost beyond it."""

    kind: str  # charge: the bank states it; difference: a person accepted it
    amount_minor: int  # negative if the account gained
    booked_on: date
    payouts_number: int  # that the booking is of
    is_first: bool  # of these payouts


@dataclass(frozen=True, slots=True)
class Payout:
    """Money for one charity, every step it took, and what banks kept beside it."""

    payout_id: str
    charity: str
    amount_minor: int
    steps: tuple[PayoutStep, ...]
    differences: tuple[PayoutDifference, ...] = ()

    @property
    def latest_step(self) -> PayoutStep:
        """Return the newest step."""
        return self.steps[-1]

    @property
    def state(self) -> PayoutState:
        """Return the current state."""
        return self.latest_step.state

    @property
    def evidence(self) -> list[str]:
        """Return the SHA-256 of the files that prove its steps, in hex, oldest first."""
        return list(dict.fromkeys(step.evidence.hex() for step in self.steps if step.evidence))

    def entered_at(self, state: PayoutState) -> datetime | None:
        """Return when the current attempt entered `state`, None if it did not."""
        return next((s.at for s in self.steps if s.state is state and s.attempt == self.latest_step.attempt), None)


@dataclass(frozen=True, slots=True)
class SettlementShare:
    """A charity's share of a settlement; without a payout it is carried over."""

    charity: str
    share_minor: int
    brought_minor: int
    transfer_id: UUID | None
    payout: Payout | None


@dataclass(frozen=True)
class Settlement:
    """One settlement of a campaign and period."""

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
        """Return the payouts, in the order of the terms."""
        return [share.payout for share in self.shares if share.payout]

    @property
    def carried_minor_by_charity(self) -> dict[str, int]:
        """Return the amounts that wait below the minimum, by charity; empty if cancelled."""
        if self.payouts and all(payout.state is PayoutState.CANCELLED for payout in self.payouts):
            return {}
        return {s.charity: s.share_minor + s.brought_minor for s in self.shares if s.payout is None}

    @property
    def payout_counts(self) -> dict[str, int]:
        """Return the number of payouts in every state."""
        states = Counter(payout.state for payout in self.payouts)
        return {state.value: states[state] for state in PayoutState}

    @property
    def to_send_minor(self) -> int:
        """Return the sum of all payouts."""
        return sum(payout.amount_minor for payout in self.payouts)

    @cached_property
    def hash(self) -> bytes:
        """Return the SHA-256 of the approved content (RFC 8785 JSON).

        A new attempt or another account changes the hash.
        """
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
        identity = {"settlement": self.settlement_id, "campaign": self.campaign, "currency": self.currency}
        days = {"period": self.period.isoformat(), "cut_off": self.cut_off.isoformat()}
        content: dict[str, Any] = identity | days | {"total_minor": self.total_minor, "payouts": payouts}
        return sha256(rfc8785.dumps(content)).digest()

    @property
    def makers(self) -> frozenset[str]:
        """Return the people who made it or its current payout attempts; they cannot approve it."""
        attempt_makers = {next(s.by for s in p.steps if s.attempt == p.latest_step.attempt) for p in self.payouts}
        return frozenset({self.made_by, *attempt_makers})

    @property
    def approvers(self) -> list[str]:
        """Return the people who approved the current hash, in order; makers never count."""
        makers = {person_key(maker) for maker in self.makers}
        names = (person for approved_hash, person in self.approvals if approved_hash == self.hash)
        return distinct_people(person for person in names if person_key(person) not in makers)

    def missing_approvals(self, rules: ApprovalRules) -> int:
        """Return the number of approvals still needed before it may be sent."""
        if self.to_send_minor <= rules.threshold_minor:
            return 0
        return max(0, rules.approvals_min - len(self.approvers))

    def state(self, rules: ApprovalRules) -> SettlementState:
        """Return the state under these rules."""
        states = {payout.state for payout in self.payouts}
        if states == {PayoutState.CANCELLED}:
            return SettlementState.CANCELLED
        if states <= {PayoutState.PAID}:  # empty if everything is carried over
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
    """Return settlements with a share, by campaign, oldest first; all, or only the named ones."""
    rows = await conn.fetch(_READ_SETTLEMENTS, campaigns, [settlement_id] if settlement_id else settlement_ids)
    ids = [row["settlement_id"] for row in rows]
    shares = await conn.fetch(_READ_SHARES, ids)
    steps: dict[str, list[PayoutStep]] = {}
    payout_ids = [row["payout_id"] for row in shares if row["payout_id"]]
    for row in await conn.fetch(_READ_PAYOUT_STEPS, payout_ids):
        steps.setdefault(row["payout_id"], []).append(PayoutStep(**{**row, "state": PayoutState(row["state"])}))
    differences: dict[str, list[PayoutDifference]] = {}
    for row in await conn.fetch(_READ_PAYOUT_DIFFERENCES, payout_ids):
        payout_id, *values = row.values()
        differences.setdefault(payout_id, []).append(PayoutDifference(*values))
    shares_by_id = _group_by_settlement(shares, lambda row: _build_share(row, steps, differences))
    approvals = await conn.fetch(_READ_APPROVALS, ids)
    approvals_by_id = _group_by_settlement(approvals, lambda row: (row["hash"], row["person"]))
    return [
        Settlement(**row, shares=shares_by_id[i], approvals=approvals_by_id.get(i, ()))
        for i, row in zip(ids, rows, strict=True)
    ]


def _group_by_settlement(rows: Sequence[asyncpg.Record], build: Any) -> dict[str, tuple[Any, ...]]:
    groups: dict[str, list[Any]] = {}
    for row in rows:
        groups.setdefault(row["settlement_id"], []).append(build(row))
    return {settlement_id: tuple(members) for settlement_id, members in groups.items()}


def _build_share(
    row: asyncpg.Record,
    steps: Mapping[str, Sequence[PayoutStep]],
    differences: Mapping[str, Sequence[PayoutDifference]],
) -> SettlementShare:
    payout = None
    if row["payout_id"] is not None:
        payout_id = row["payout_id"]
        rest = tuple(steps[payout_id]), tuple(differences.get(payout_id, ()))
        payout = Payout(payout_id, row["charity"], row["amount_minor"], *rest)
    return SettlementShare(row["charity"], row["share_minor"], row["brought_minor"], row["transfer_id"], payout)
