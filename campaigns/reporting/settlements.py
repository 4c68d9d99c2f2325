"""A campaign's settlements as published: envelopes and payouts, their states, times and evidence; no accounts."""

import csv
from io import StringIO
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue.cache import Campaign
from campaigns.csv_safe import escape_formula
from campaigns.pledging.arithmetic import due
from campaigns.pledging.settle import period_window
from campaigns.reporting.snapshot import CampaignSnapshot, Instant, format_instant
from ledger.money import Money, format_minor, to_money
from ledger.settlements.model import ApprovalRules, Payout, Settlement, SettlementState
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.periods import next_period

IsoDate = Annotated[str, Field(json_schema_extra={"format": "date"})]

CSV_COLUMNS = (  # columns are only ever added at the end
    "campaign",
    "settlement",
    "period",
    "cut_off",
    "state",
    "payout",
    "charity",
    "currency",
    "amount_minor",
    "amount",
    "payout_state",
    "as_of",
    "carried",
    "attempt",
    "sent_at",
    "paid_on",
    "bank_reference",
    "reason",
    "evidence",
)


class PublishedPayout(TypedDict):
    """Money to one charity; `paid_on` is the bank's own date, `evidence` the SHA-256 of files that say so."""

    id: str
    charity: str
    amount: Money
    state: PayoutState
    attempt: int
    made_at: Instant
    sent_at: Instant | None
    bank_reference: str | None
    paid_on: IsoDate | None
    returned_because: str | None
    evidence: list[str]


class CarriedAmount(TypedDict):
    """What is below the minimum and waits for a later settlement, `payable` already."""

    charity: str
    amount: Money


class PublishedSettlement(TypedDict):
    """One envelope: what it took is fixed; `counts` of its payouts by state always add up to `count`."""

    id: str
    period: IsoDate
    cut_off: IsoDate
    state: SettlementState
    total: Money
    hash: str
    made_at: Instant
    last: bool
    count: int
    counts: dict[str, int]
    approval_count: int
    approvals_missing: int
    carried: list[CarriedAmount]
    payouts: list[PublishedPayout]


class PublishedSettlements(TypedDict):
    """A campaign's envelopes, oldest first.

    `unsettled` is what is pledged and in no settlement yet, and `next_period` when the next one falls due. `offset`
    was settled for likes that were found fake since: it is set off against what likes earn from now on.
    """

    campaign: str
    as_of: Instant
    unsettled: Money
    next_period: IsoDate | None
    offset: Money
    settlements: list[PublishedSettlement]


def approval_rules(campaign: Campaign) -> ApprovalRules:
    """Return when the campaign's envelopes need people."""
    own = campaign.promise.settlement
    return ApprovalRules(own.approvals, own.threshold_minor)


def offset_minor(snapshot: CampaignSnapshot) -> int:
    """Return what was settled beyond what is due now, in minor units."""
    line, own = snapshot.balances, snapshot.campaign
    counted = {day: count.counted for day, count in snapshot.counts_by_day.items()}
    owed_minor = due(own.terms, counted, line.funded_minor)
    if own.closed_at is not None:
        owed_minor = max(owed_minor, min(own.promise.campaign.floor_minor, line.funded_minor))
    return max(0, line.settled_minor - owed_minor)


def next_settlement_day(snapshot: CampaignSnapshot) -> IsoDate | None:
    """Return the day on which the next settlement falls due; None where none does by itself."""
    campaign = snapshot.campaign
    if not campaign.promise.settlement.automatic:
        return None
    following = next_period(period_window(campaign, campaign.closed_at), snapshot.as_of)
    return following.isoformat() if following else None


def published_settlements(snapshot: CampaignSnapshot) -> PublishedSettlements:
    """Return the campaign's settlements."""
    return {
        "campaign": snapshot.slug,
        "as_of": format_instant(snapshot.as_of),
        "unsettled": to_money(snapshot.balances.pledged.minor, snapshot.currency),
        "next_period": next_settlement_day(snapshot),
        "offset": to_money(offset_minor(snapshot), snapshot.currency),
        "settlements": [published_settlement(e, approval_rules(snapshot.campaign)) for e in snapshot.settlements],
    }


def published_settlement(settlement: Settlement, rules: ApprovalRules) -> PublishedSettlement:
    """Return one settlement."""
    return {
        "id": settlement.settlement_id,
        "period": settlement.period.isoformat(),
        "cut_off": settlement.cut_off.isoformat(),
        "state": settlement.state(rules),
        "total": to_money(settlement.total_minor, settlement.currency),
        "hash": settlement.hash.hex(),
        "made_at": format_instant(settlement.made_at),
        "last": settlement.is_last,
        "count": len(settlement.payouts),
        "counts": settlement.payout_counts,
        "approval_count": len(settlement.approvers),
        "approvals_missing": settlement.missing_approvals(rules),
        "carried": [
            {"charity": charity, "amount": to_money(minor, settlement.currency)}
            for charity, minor in settlement.carried_minor_by_charity.items()
        ],
        "payouts": [_published_payout(payout, settlement.currency) for payout in settlement.payouts],
    }


def _published_payout(payout: Payout, currency: str) -> PublishedPayout:
    sent_at, step = payout.entered_at(PayoutState.SENT), payout.latest_step
    return {
        "id": payout.payout_id,
        "charity": payout.charity,
        "amount": to_money(payout.amount_minor, currency),
        "state": payout.state,
        "attempt": step.attempt,
        "made_at": format_instant(payout.steps[0].at),
        "sent_at": format_instant(sent_at) if sent_at else None,
        "bank_reference": step.bank_reference,
        "paid_on": step.bank_day.isoformat() if payout.state is PayoutState.PAID and step.bank_day else None,
        "returned_because": step.reason if payout.state is PayoutState.RETURNED else None,
        "evidence": payout.evidence,
    }


def settlements_csv(snapshot: CampaignSnapshot) -> str:
    """Return the same as CSV: a row for each charity's share, paid out or carried over."""
    made = StringIO()
    writer = csv.writer(made, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for envelope in snapshot.settlements:
        writer.writerows(_csv_rows(snapshot, envelope))
    return made.getvalue()


def _csv_rows(snapshot: CampaignSnapshot, settlement: Settlement) -> list[list[object]]:
    own = [settlement.campaign, settlement.settlement_id, settlement.period, settlement.cut_off]
    own.append(settlement.state(approval_rules(snapshot.campaign)).value)
    rows: list[list[object]] = []
    for share in settlement.shares:
        minor = share.share_minor + share.brought_minor
        money = [settlement.currency, minor, format_minor(minor, settlement.currency)]
        if share.payout is None:
            blank = [""] * 6
            waits = "yes" if share.charity in settlement.carried_minor_by_charity else "no"
            rows.append([*own, "", share.charity, *money, "", format_instant(snapshot.as_of), waits, *blank])
            continue
        shown = _published_payout(share.payout, settlement.currency)
        by_banks = [escape_formula(shown["bank_reference"]), escape_formula(shown["returned_because"])]
        told = [shown["sent_at"], shown["paid_on"], *by_banks]
        where = [shown["state"].value, format_instant(snapshot.as_of), "no", shown["attempt"]]
        rows.append([*own, shown["id"], share.charity, *money, *where, *told, " ".join(shown["evidence"])])
    return rows
