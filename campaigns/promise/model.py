"""The promise: the one object that is stored, logged, published and computed with.

Promise
├── campaign    fixed once the campaign exists
├── terms       rate, caps and beneficiaries: a new version may start on a later campaign day
├── settlement  when and how pledged money is paid out
├── authenticity  whether rules look for fakes, and how long people may decide; fixed like the campaign
└── agreement   the signed document
"""

import re
from collections import Counter
from datetime import date, datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import rfc8785
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from campaigns.errors import invalid_value, invalid_values
from campaigns.promise.bank_account import BankAccount
from campaigns.promise.strict_model import StrictModel
from campaigns.promise.terms import Share, Terms
from ledger.accounting.apportionment import WHOLE_BP
from ledger.errors import Refusal
from ledger.money import MINOR_MAX, exponent
from ledger.settlements.cron import parse_cron

Content = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]

_DAYS_MAX = 36_500
_CAMPAIGN_DAYS_MAX = 3_660
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
# C1 controls, line and paragraph separators, and the directional controls of Unicode Annex 9 that
# stay in force until a closing character. Direction marks and joiners stay allowed: scripts need
# them.
_INVISIBLE_CHARACTERS = r"\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_INVISIBLE = re.compile(f"[{_INVISIBLE_CHARACTERS}]")
# Both checks as one pattern, for JSON Schema. The code checks them apart, so that an error names
# the character.
_VISIBLE_SCHEMA = {"pattern": rf"^[^\x00-\x1f\x7f{_INVISIBLE_CHARACTERS}]+$"}
_BYTES_MAX = 60_000  # as JSON: with version and day it still fits a log entry of 65,535 bytes


def _check_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise invalid_value("timezone_unknown") from error
    return name


def _check_currency(code: str) -> str:
    try:
        exponent(code)
    except ValueError as error:
        raise invalid_value("currency_unknown") from error
    return code


def _check_cron(cron: str) -> str:
    try:
        parse_cron(cron)
    except Refusal as refusal:
        raise invalid_value(refusal.code, **refusal.params) from None
    return cron


def _check_single_line(text: str) -> str:
    """Refuse characters that end a line in some reader, or turn the figures beside the text."""
    if invisible := _INVISIBLE.search(text):
        raise invalid_value("invisible_character", character=f"U+{ord(invisible[0]):04X}")
    return text


def _check_year(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise invalid_value("year_out_of_range", first_year=_FIRST_YEAR, last_year=_LAST_YEAR)
    return moment


Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
SingleLine = Annotated[
    str,
    Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", json_schema_extra=_VISIBLE_SCHEMA),
    AfterValidator(_check_single_line),
]
Minor = Annotated[int, Field(ge=0, le=MINOR_MAX)]
Moment = Annotated[AwareDatetime, AfterValidator(_check_year)]


class LocalizedText(StrictModel):
    """A text in the languages of the public page."""

    zh: SingleLine
    en: SingleLine


class PromiseCampaign(StrictModel):
    """The part that is fixed once the campaign exists."""

    slug: Slug
    title: LocalizedText
    sponsor: SingleLine
    currency: Annotated[str, AfterValidator(_check_currency)]
    timezone: Annotated[str, AfterValidator(_check_timezone)]
    starts_at: Moment
    ends_at: Moment
    late_days: Annotated[int, Field(ge=0, le=_DAYS_MAX)] = 7
    hold_days: Annotated[int, Field(ge=0, le=365)] = 3
    unlike: Literal["withdraw", "keep"] = "withdraw"
    content: Literal["open", "registered"] = "registered"
    live: Literal["daily", "once"] = "daily"
    retention_days: Annotated[int, Field(ge=1, le=_DAYS_MAX)] = 365
    floor_minor: Minor = 0

    @field_validator("ends_at")
    @classmethod
    def _check_range(cls, ends_at: datetime, validation: ValidationInfo) -> datetime:
        starts_at = validation.data.get("starts_at", ends_at)  # if missing, it has an error already
        if "starts_at" in validation.data and ends_at <= starts_at:
            raise invalid_value("ends_before_start")
        if (ends_at - starts_at).days > _CAMPAIGN_DAYS_MAX:
            raise invalid_value("campaign_too_long", most_number=_CAMPAIGN_DAYS_MAX)
        return ends_at


class Rate(StrictModel):
    """`amount_minor` for every `per_likes` likes: an exact ratio."""

    amount_minor: Annotated[int, Field(ge=1, le=10**12)]
    per_likes: Annotated[int, Field(ge=1, le=10**12)]


class Beneficiary(StrictModel):
    """A charity, its share and where its money goes."""

    charity: Slug
    name: LocalizedText
    share_bp: Annotated[int, Field(ge=1, le=WHOLE_BP)]
    account: BankAccount


def _check_shares(beneficiaries: list[Beneficiary]) -> list[Beneficiary]:
    total_bp = sum(beneficiary.share_bp for beneficiary in beneficiaries)
    counts = Counter(beneficiary.charity for beneficiary in beneficiaries)
    errors = [
        invalid_value("charity_repeated", charity=charity, times_number=times)
        for charity, times in counts.items()
        if times > 1
    ]
    if total_bp != WHOLE_BP:
        errors.insert(0, invalid_value("shares_not_whole", total_bp=total_bp, whole_bp=WHOLE_BP))
    if errors:
        raise invalid_values(errors)
    return beneficiaries


class PromiseTerms(StrictModel):
    """Rate, caps and beneficiaries: the part that may change from a campaign day on."""

    rate: Rate
    daily_cap_minor: Annotated[int, Field(ge=1, le=MINOR_MAX)] | None = None
    likes_per_person_per_day: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    quality_from: Annotated[int, Field(ge=0, le=100)] = 0
    beneficiaries: Annotated[list[Beneficiary], Field(min_length=1, max_length=100), AfterValidator(_check_shares)]


class SettlementPolicy(StrictModel):
    """When and how pledged money is paid out."""

    cron: Annotated[SingleLine, AfterValidator(_check_cron)] = "0 3 * * mon"
    automatic: bool = True
    minimum_minor: Minor = 0
    approvals: Annotated[int, Field(ge=2, le=10)] = 2
    threshold_minor: Minor = 0


class AuthenticityPolicy(StrictModel):
    """Whether rules look for fakes, how long people may decide, and how long observations are kept."""

    rules: Literal["standard", "none"] = "standard"
    review_days: Annotated[int, Field(ge=1, le=365)] = 30
    undecided: Literal["void", "release"] = "void"
    observation_days: Annotated[int, Field(ge=1, le=730)] = 35
    appeal_days: Annotated[int, Field(ge=1, le=365)] = 30


def default_policy(hold_days: int) -> AuthenticityPolicy:
    """Return the policy of a promise that leaves it out: observations outlast the hold and the review. Pure."""
    policy = AuthenticityPolicy()
    days = max(policy.observation_days, hold_days + policy.review_days)
    return policy.model_copy(update={"observation_days": days})


class Agreement(StrictModel):
    """The signed document behind the promise."""

    url: Annotated[str, Field(pattern=r"^https://\S{1,400}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Promise(StrictModel):
    """The whole promise."""

    campaign: PromiseCampaign
    terms: PromiseTerms
    settlement: SettlementPolicy = SettlementPolicy()
    agreement: Agreement | None = None
    authenticity: AuthenticityPolicy | None = None  # None: the default of a new campaign, unchanged in an older one

    @field_validator("authenticity")
    @classmethod
    def _check_observation_days(
        cls, policy: AuthenticityPolicy | None, validation: ValidationInfo
    ) -> AuthenticityPolicy | None:
        """Refuse to drop observations before their likes are settled and decided."""
        campaign = validation.data.get("campaign")  # if missing, it has an error already
        if policy is not None and policy.rules == "standard" and campaign is not None:
            least = campaign.hold_days + policy.review_days
            if policy.observation_days < least:
                raise invalid_value("observation_days_too_few", least_number=least)
        return policy

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        size = len(canonical_json(self))
        if size > _BYTES_MAX:
            raise invalid_value("promise_too_large", promise_bytes=size, most_bytes=_BYTES_MAX)
        return self


class ImmutablePart(StrictModel):
    """The promise without its terms: what `campaigns.promise` stores."""

    campaign: PromiseCampaign
    settlement: SettlementPolicy
    agreement: Agreement | None = None
    authenticity: AuthenticityPolicy | None = None  # None: promised before there were rules


def canonical_json(part: BaseModel) -> bytes:
    """Return a part as RFC 8785 JSON: the bytes that are stored, logged and compared. Pure."""
    return rfc8785.dumps(part.model_dump(mode="json", exclude_none=True))


def immutable_part(promise: Promise) -> ImmutablePart:
    """Return the promise without its terms. Pure."""
    return ImmutablePart(
        campaign=promise.campaign,
        settlement=promise.settlement,
        agreement=promise.agreement,
        authenticity=promise.authenticity,
    )


def engine_terms(terms: PromiseTerms, version: int, from_day: date) -> Terms:
    """Return a version of the terms as the engine computes with it. Pure."""
    shares = tuple(Share(beneficiary.charity, beneficiary.share_bp) for beneficiary in terms.beneficiaries)
    return Terms(
        version,
        from_day,
        terms.rate.amount_minor,
        terms.rate.per_likes,
        terms.daily_cap_minor,
        terms.likes_per_person_per_day,
        shares,
        terms.quality_from,
    )
