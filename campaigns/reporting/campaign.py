"""The public view of a campaign: its promise with every version of its terms, and its waterfall."""

from typing import Annotated, Literal

import orjson
from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue.account_mask import MaskedAccount, mask_accounts
from campaigns.pledging.waterfall import TOTALS, StepName, compute_waterfall
from campaigns.promise.model import (
    Agreement,
    Beneficiary,
    PromiseCampaign,
    PromiseTerms,
    SettlementPolicy,
)
from campaigns.reporting.exact_amounts import ExactLikes, ExactMoney, format_exact_likes, format_exact_money
from campaigns.reporting.snapshot import CampaignSnapshot, Instant, format_instant
from campaigns.reporting.totals import Totals, campaign_totals


class PublishedBeneficiary(Beneficiary):
    """A charity and its share; of its account the end of the number."""

    account: MaskedAccount  # type: ignore[assignment]


class PublishedTerms(PromiseTerms):
    """Terms as promised, with masked accounts."""

    beneficiaries: list[PublishedBeneficiary]  # type: ignore[assignment]


class TermsVersion(TypedDict):
    """A version of the terms, in force from the start of `from_day` until the next version."""

    version: int
    from_day: Annotated[str, Field(json_schema_extra={"format": "date"})]
    terms: PublishedTerms


class PublishedCampaign(TypedDict):
    """The promise as stored and as the engine uses it, with masked bank accounts.

    Optional members that are unset are left out.
    """

    as_of: Instant
    campaign: PromiseCampaign
    settlement: SettlementPolicy
    agreement: Agreement | None
    terms: list[TermsVersion]
    closed_at: Instant | None
    totals: Totals


class PublishedCampaigns(TypedDict):
    """Every campaign, oldest first."""

    as_of: Instant
    campaigns: list[PublishedCampaign]


class WaterfallStep(TypedDict):
    """A step: a `change` is signed, a `total` is the last total and all changes since."""

    step: StepName
    kind: Literal["total", "change"]
    likes: ExactLikes
    money: ExactMoney


class PublishedWaterfall(TypedDict):
    """From all likes received to the money pledged; the steps add up exactly."""

    campaign: str
    currency: str
    as_of: Instant
    steps: list[WaterfallStep]


def published_campaign(snapshot: CampaignSnapshot) -> PublishedCampaign:
    """Return the campaign's promise and totals."""
    campaign = snapshot.campaign
    promise, versions = campaign.promise, zip(campaign.terms, campaign.versions, strict=True)
    return {
        "as_of": format_instant(snapshot.as_of),
        "campaign": promise.campaign,
        "settlement": promise.settlement,
        "agreement": promise.agreement,
        "terms": [
            {"version": t.version, "from_day": t.from_day.isoformat(), "terms": publish_terms(v)} for t, v in versions
        ],
        "closed_at": format_instant(campaign.closed_at) if campaign.closed_at else None,
        "totals": campaign_totals(snapshot),
    }


def publish_terms(terms: PromiseTerms) -> PublishedTerms:
    """Return terms with masked accounts. Pure."""
    return PublishedTerms.model_validate_json(orjson.dumps(mask_accounts(terms.model_dump(mode="json"))))


def published_waterfall(snapshot: CampaignSnapshot) -> PublishedWaterfall:
    """Return the campaign's waterfall."""
    steps = compute_waterfall(snapshot.days, snapshot.refusal_counts, snapshot.budget)
    return {
        "campaign": snapshot.slug,
        "currency": snapshot.currency,
        "as_of": format_instant(snapshot.as_of),
        "steps": [
            {
                "step": name,
                "kind": "total" if name in TOTALS else "change",
                "likes": format_exact_likes(worth.likes),
                "money": format_exact_money(worth.minor, snapshot.currency),
            }
            for name, worth in steps.items()
        ],
    }
