"""The public view of settlements and payouts: states, times, evidence.

It has no bank accounts and no words of a bank, which may name a person.
"""

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
from ledger.settlements.return_reasons import public_reason, public_reason_text

IsoDate = Annotated[str, Field(json_schema_extra={"format": "date"})]

CSV_COLUMNS = (  # new columns are added at the end only
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
    "return_code",
    "bank_charges_minor",
    "bank_differences_minor",
)


class PublishedDifference(TypedDict):
    """A part of a bank's booking that is no payout.

    `amount` is what the account lost beyond the payouts of the booking, negative if it gained.
    `kind` is `charge` if the bank states it, and `difference` if a person accepted it. A booking of
    several payouts, `payouts`, shows its whole difference with each.
    """

    kind: str
    amount: Money
    booked_on: IsoDate
    payouts: int


class PublishedPayout(TypedDict):
    """Money to one charity.

    `paid_on` is the bank's date, `evidence` the SHA-256 of the files that prove it. `return_code` is
    the ISO 20022 code of a return, or one of ours, and `returned_because` says it in our words.
    `differences` change neither the amount nor what the charity is owed.
    """

    id: str
    charity: str
    amount: Money
    state: PayoutState
    attempt: int
    made_at: Instant
    sent_at: Instant | None
    bank_reference: str | None
    paid_on: IsoDate | None
    return_code: str | None
    returned_because: str | None
    evidence: list[str]
    differences: list[PublishedDifference]


class CarriedAmount(TypedDict):
    """A share below the minimum: already `payable`, carried over to a later settlement."""

    charity: str
    amount: Money


class PublishedSettlement(TypedDict):
    """One settlement: its amounts are final.

    `counts` of its payouts by state always add up to `count`.
    """

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
    """A campaign's settlements, oldest first.

    `unsettled` is pledged and in no settlement yet; the next settlement falls due on `next_period`.
    `offset` was settled for likes that were later judged fake: it is deducted from the next
    earnings.
    """

    campaign: str
    as_of: Instant
    unsettled: Money
    next_period: IsoDate | None
    offset: Money
    settlements: list[PublishedSettlement]


def approval_rules(campaign: Campaign) -> ApprovalRules:
    """Return when the campaign's settlements need approvals, and how many."""
    policy = campaign.promise.settlement
    return ApprovalRules(policy.approvals, policy.threshold_minor)


def offset_minor(snapshot: CampaignSnapshot) -> int:
    """Return the amount settled beyond the amount due now, in minor units."""
    balances, campaign = snapshot.balances, snapshot.campaign
    counted = {day: count.counted for day, count in snapshot.counts_by_day.items()}
    owed_minor = due(campaign.terms, counted, balances.funded_minor)
    if campaign.closed_at is not None:
        owed_minor = max(owed_minor, min(campaign.promise.campaign.floor_minor, balances.funded_minor))
    return max(0, balances.settled_minor - owed_minor)


def next_settlement_day(snapshot: CampaignSnapshot) -> IsoDate | None:
    """Return the day of the next settlement; None if the campaign settles only on request."""
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
        "settlements": [published_settlement(s, approval_rules(snapshot.campaign)) for s in snapshot.settlements],
    }


def published_settlement(settlement: Settlement, rules: ApprovalRules) -> PublishedSettlement:
    """Return the public view of one settlement."""
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
    reason = step.reason if payout.state is PayoutState.RETURNED else None
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
        "return_code": public_reason(reason),
        "returned_because": public_reason_text(reason),
        "evidence": payout.evidence,
        "differences": published_differences(payout, currency),
    }


def published_differences(payout: Payout, currency: str) -> list[PublishedDifference]:
    """Return the parts of a payout's bookings that are no payout."""
    return [
        {
            "kind": difference.kind,
            "amount": to_money(difference.amount_minor, currency),
            "booked_on": difference.booked_on.isoformat(),
            "payouts": difference.payouts_number,
        }
        for difference in payout.differences
    ]


def settlements_csv(snapshot: CampaignSnapshot) -> str:
    """Return the settlements as CSV: a row for each charity's share, paid out or carried over."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for settlement in snapshot.settlements:
        writer.writerows(_csv_rows(snapshot, settlement))
    return out.getvalue()


def _csv_rows(snapshot: CampaignSnapshot, settlement: Settlement) -> list[list[object]]:
    columns = [settlement.campaign, settlement.settlement_id, settlement.period, settlement.cut_off]
    columns.append(settlement.state(approval_rules(snapshot.campaign)).value)
    as_of, rows = format_instant(snapshot.as_of), list[list[object]]()
    for share in settlement.shares:
        minor = share.share_minor + share.brought_minor
        money = [settlement.currency, minor, format_minor(minor, settlement.currency)]
        if share.payout is None:
            blanks = [""] * 9
            is_carried = "yes" if share.charity in settlement.carried_minor_by_charity else "no"
            rows.append([*columns, "", share.charity, *money, "", as_of, is_carried, *blanks])
            continue
        payout = _published_payout(share.payout, settlement.currency)
        bank_texts = [escape_formula(payout["bank_reference"]), payout["returned_because"]]
        state = [payout["state"].value, as_of, "no", payout["attempt"]]
        dates = [payout["sent_at"], payout["paid_on"]]
        evidence = " ".join(payout["evidence"])
        kept = [_kept_minor(share.payout, kind) for kind in ("charge", "difference")]
        proof = [evidence, payout["return_code"], *kept]
        rows.append([*columns, payout["id"], share.charity, *money, *state, *dates, *bank_texts, *proof])
    return rows


def _kept_minor(payout: Payout, kind: str) -> int:
    """Return what the bookings of a payout hold beyond it; of shared ones, with the first only."""
    return sum(d.amount_minor for d in payout.differences if d.kind == kind and d.is_first)
