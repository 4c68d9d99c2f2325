"""A campaign's settlements as published: envelopes and payouts, their states, times and evidence; no accounts."""

import csv
from io import StringIO
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue.cache import Campaign
from campaigns.csv_safe import cell
from campaigns.pledging.arithmetic import due
from campaigns.pledging.settle import span
from campaigns.reporting.snapshot import Instant, Standing, instant
from ledger.money import Money, show, text
from ledger.settlements.model import Envelope, EnvelopeState, Payout, Rules
from ledger.settlements.payout_steps import State
from ledger.settlements.periods import next_period

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]

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
    state: State
    attempt: int
    made_at: Instant
    sent_at: Instant | None
    bank_reference: str | None
    paid_on: Day | None
    returned_because: str | None
    evidence: list[str]


class Carried(TypedDict):
    """What is below the minimum and waits for a later settlement, `payable` already."""

    charity: str
    amount: Money


class PublishedSettlement(TypedDict):
    """One envelope: what it took is fixed; `counts` of its payouts by state always add up to `count`."""

    id: str
    period: Day
    cut_off: Day
    state: EnvelopeState
    total: Money
    hash: str
    made_at: Instant
    last: bool
    count: int
    counts: dict[str, int]
    approvals: int
    approvals_missing: int
    carried: list[Carried]
    payouts: list[PublishedPayout]


class PublishedSettlements(TypedDict):
    """A campaign's envelopes, oldest first.

    `unsettled` is what is pledged and in no settlement yet, and `next_period` when the next one falls due. `offset`
    was settled for likes that were found fake since: it is set off against what likes earn from now on.
    """

    campaign: str
    as_of: Instant
    unsettled: Money
    next_period: Day | None
    offset: Money
    settlements: list[PublishedSettlement]


def rules(campaign: Campaign) -> Rules:
    """Return when the campaign's envelopes need people."""
    own = campaign.promise.settlement
    return Rules(own.approvals, own.threshold_minor)


def offset_minor(standing: Standing) -> int:
    """Return what was settled beyond what is due now, in minor units."""
    line, own = standing.line, standing.campaign
    counted = {day: count.counted for day, count in standing.counts.items()}
    owed_minor = due(own.terms, counted, line.funded_minor)
    if own.closed_at is not None:
        owed_minor = max(owed_minor, min(own.promise.campaign.floor_minor, line.funded_minor))
    return max(0, line.settled_minor - owed_minor)


def next_settlement(standing: Standing) -> Day | None:
    """Return the day on which the next settlement falls due; None where none does by itself."""
    campaign = standing.campaign
    if not campaign.promise.settlement.automatic:
        return None
    following = next_period(span(campaign, campaign.closed_at), standing.as_of)
    return following.isoformat() if following else None


def settlements(standing: Standing) -> PublishedSettlements:
    """Return the campaign's settlements."""
    return {
        "campaign": standing.slug,
        "as_of": instant(standing.as_of),
        "unsettled": show(standing.line.pledged.minor, standing.currency),
        "next_period": next_settlement(standing),
        "offset": show(offset_minor(standing), standing.currency),
        "settlements": [published_settlement(e, rules(standing.campaign)) for e in standing.envelopes],
    }


def published_settlement(envelope: Envelope, own: Rules) -> PublishedSettlement:
    """Return one settlement."""
    return {
        "id": envelope.settlement_id,
        "period": envelope.period.isoformat(),
        "cut_off": envelope.cut_off.isoformat(),
        "state": envelope.state(own),
        "total": show(envelope.total_minor, envelope.currency),
        "hash": envelope.hash.hex(),
        "made_at": instant(envelope.made_at),
        "last": envelope.is_last,
        "count": len(envelope.payouts),
        "counts": envelope.counts,
        "approvals": len(envelope.approvers),
        "approvals_missing": envelope.missing_approvals(own),
        "carried": [
            {"charity": charity, "amount": show(minor, envelope.currency)}
            for charity, minor in envelope.carried.items()
        ],
        "payouts": [_payout(payout, envelope.currency) for payout in envelope.payouts],
    }


def _payout(payout: Payout, currency: str) -> PublishedPayout:
    sent_at, step = payout.at(State.SENT), payout.now
    return {
        "id": payout.payout_id,
        "charity": payout.charity,
        "amount": show(payout.amount_minor, currency),
        "state": payout.state,
        "attempt": step.attempt,
        "made_at": instant(payout.steps[0].at),
        "sent_at": instant(sent_at) if sent_at else None,
        "bank_reference": step.bank_reference,
        "paid_on": step.bank_day.isoformat() if payout.state is State.PAID and step.bank_day else None,
        "returned_because": step.reason if payout.state is State.RETURNED else None,
        "evidence": payout.evidence,
    }


def settlements_csv(standing: Standing) -> str:
    """Return the same as CSV: a row for each charity's share, paid out or carried over."""
    made = StringIO()
    writer = csv.writer(made, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for envelope in standing.envelopes:
        writer.writerows(_rows(standing, envelope))
    return made.getvalue()


def _rows(standing: Standing, envelope: Envelope) -> list[list[object]]:
    own = [envelope.campaign, envelope.settlement_id, envelope.period, envelope.cut_off]
    own.append(envelope.state(rules(standing.campaign)).value)
    rows: list[list[object]] = []
    for share in envelope.shares:
        minor = share.share_minor + share.brought_minor
        money = [envelope.currency, minor, text(minor, envelope.currency)]
        if share.payout is None:
            blank = [""] * 6
            waits = "yes" if share.charity in envelope.carried else "no"
            rows.append([*own, "", share.charity, *money, "", instant(standing.as_of), waits, *blank])
            continue
        shown = _payout(share.payout, envelope.currency)
        by_banks = [cell(shown["bank_reference"]), cell(shown["returned_because"])]
        told = [shown["sent_at"], shown["paid_on"], *by_banks]
        where = [shown["state"].value, instant(standing.as_of), "no", shown["attempt"]]
        rows.append([*own, shown["id"], share.charity, *money, *where, *told, " ".join(shown["evidence"])])
    return rows
