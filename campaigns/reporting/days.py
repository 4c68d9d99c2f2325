"""A campaign day by day: likes, earnings, the part above the cap; JSON and CSV (RFC 4180)."""

import csv
from fractions import Fraction
from io import StringIO
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.reporting.exact_amounts import ExactMoney, format_exact_money
from campaigns.reporting.snapshot import CampaignSnapshot, Instant, format_instant

CSV_COLUMNS = [
    "campaign",
    "day",
    "terms_version",
    "currency",
    "counted",
    "withdrawn",
    "earned_exact_minor",
    "earned",
    "capped_exact_minor",
    "capped",
    "earned_so_far_exact_minor",
    "earned_so_far",
    "as_of",
    "quarantined",
    "void",
    "low_quality",
]


class CampaignDay(TypedDict):
    """A day in the campaign's time zone.

    `earned` is exact: before the budget and before rounding.
    """

    day: Annotated[str, Field(json_schema_extra={"format": "date"})]
    terms_version: int
    counted: int
    withdrawn: int
    quarantined: int
    void: int
    low_quality: int
    earned: ExactMoney
    capped: ExactMoney
    earned_so_far: ExactMoney


class CampaignDays(TypedDict):
    """Every campaign day from the first until now, including days without a like."""

    campaign: str
    currency: str
    as_of: Instant
    days: list[CampaignDay]


def campaign_days(snapshot: CampaignSnapshot) -> CampaignDays:
    """Return the campaign's days, oldest first."""
    rows: list[CampaignDay] = []
    so_far, currency = Fraction(), snapshot.currency
    for day in snapshot.days_so_far:
        so_far += day.earned
        rows.append(
            {
                "day": day.day.isoformat(),
                "terms_version": day.terms.version,
                "counted": day.count.counted,
                "withdrawn": day.count.withdrawn,
                "quarantined": day.count.quarantined,
                "void": day.count.void,
                "low_quality": day.count.low_quality,
                "earned": format_exact_money(day.earned, currency),
                "capped": format_exact_money(day.capped, currency),
                "earned_so_far": format_exact_money(so_far, currency),
            }
        )
    return {"campaign": snapshot.slug, "currency": currency, "as_of": format_instant(snapshot.as_of), "days": rows}


def campaign_days_csv(snapshot: CampaignSnapshot) -> str:
    """Return the campaign's days as CSV; new columns are added at the end only."""
    view, out = campaign_days(snapshot), StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    for row in view["days"]:
        start = [view["campaign"], row["day"], row["terms_version"], view["currency"]]
        amounts = [row["earned"], row["capped"], row["earned_so_far"]]
        exact_and_text = [figure for amount in amounts for figure in (amount["exact_minor"], amount["text"])]
        uncounted = [row["quarantined"], row["void"], row["low_quality"]]
        writer.writerow([*start, row["counted"], row["withdrawn"], *exact_and_text, view["as_of"], *uncounted])
    return out.getvalue()
