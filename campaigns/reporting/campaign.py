"""A campaign as published: its promise with every version of its terms, and its waterfall."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.pledging.waterfall import TOTALS, Name, waterfall
from campaigns.promise.model import Agreement, Campaign, Settlement, Terms
from campaigns.reporting.exact_amounts import ExactLikes, ExactMoney, show_likes, show_money
from campaigns.reporting.snapshot import Instant, Standing, instant
from campaigns.reporting.totals import Totals, totals


class TermsVersion(TypedDict):
    """One version of the terms, in force from the start of `from_day` until the next one is."""

    version: int
    from_day: Annotated[str, Field(json_schema_extra={"format": "date"})]
    terms: Terms


class PublishedCampaign(TypedDict):
    """The promise as it is stored and used by the engine; what it leaves open is left out."""

    as_of: Instant
    campaign: Campaign
    settlement: Settlement
    agreement: Agreement | None
    terms: list[TermsVersion]
    closed_at: Instant | None
    totals: Totals


class PublishedCampaigns(TypedDict):
    """Every campaign, oldest first."""

    as_of: Instant
    campaigns: list[PublishedCampaign]


class WaterfallStep(TypedDict):
    """A `change` is signed; a `total` is the sum of everything since the last total, that one included."""

    step: Name
    kind: Literal["total", "change"]
    likes: ExactLikes
    money: ExactMoney


class PublishedWaterfall(TypedDict):
    """From every like received to the money pledged; it adds up exactly."""

    campaign: str
    currency: str
    as_of: Instant
    steps: list[WaterfallStep]


def published(standing: Standing) -> PublishedCampaign:
    """Return the campaign's promise and totals."""
    own = standing.campaign
    versions = zip(own.terms, own.versions, strict=True)
    return {
        "as_of": instant(standing.as_of),
        "campaign": own.promise.campaign,
        "settlement": own.promise.settlement,
        "agreement": own.promise.agreement,
        "terms": [{"version": t.version, "from_day": t.from_day.isoformat(), "terms": v} for t, v in versions],
        "closed_at": instant(own.closed_at) if own.closed_at else None,
        "totals": totals(standing),
    }


def published_waterfall(standing: Standing) -> PublishedWaterfall:
    """Return the campaign's waterfall."""
    steps = waterfall(standing.days, standing.refused, standing.budget)
    return {
        "campaign": standing.slug,
        "currency": standing.currency,
        "as_of": instant(standing.as_of),
        "steps": [
            {
                "step": name,
                "kind": "total" if name in TOTALS else "change",
                "likes": show_likes(worth.likes),
                "money": show_money(worth.minor, standing.currency),
            }
            for name, worth in steps.items()
        ],
    }
