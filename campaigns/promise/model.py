"""The promise: one object that is stored, logged, shown on the page and used by the engine.

Promise
├── campaign    what is fixed once the campaign exists
├── terms       rate, caps and beneficiaries: a new version from a later campaign day
├── settlement  when and how what was pledged is paid out
└── agreement   the signed paper behind it
"""

import re
from collections import Counter
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import rfc8785
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from campaigns.promise.terms import Share
from campaigns.promise.terms import Terms as HeldTerms
from ledger.accounting.apportionment import WHOLE_BP
from ledger.money import MINOR_MAX, exponent
from ledger.settlements.cron import parse_cron

Content = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


_DAYS_MAX = 36_500
_CAMPAIGN_DAYS_MAX = 3_660
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
# C1 controls, line and paragraph separators, and the directional controls of Unicode Annex 9 that stay in force
# until they are ended. Marks of direction and joiners, which scripts need, are none of these.
_INVISIBLE_CHARACTERS = r"\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_INVISIBLE = re.compile(f"[{_INVISIBLE_CHARACTERS}]")
# What both together come to, for JSON Schema: checked apart, so that a fault names the character.
_VISIBLE_SCHEMA = {"pattern": rf"^[^\x00-\x1f\x7f{_INVISIBLE_CHARACTERS}]+$"}
_BYTES_MAX = 60_000  # as JSON: with its version and day it fits one entry of the log (65,535 bytes)


def _check_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("no such time zone in the IANA database") from error
    return name


def _check_currency(code: str) -> str:
    try:
        exponent(code)
    except ValueError as error:
        raise ValueError("no currency of ISO 4217 with a minor unit") from error
    return code


def _check_cron(cron: str) -> str:
    parse_cron(cron, ZoneInfo("UTC"))  # ValueError says what is wrong; the time zone makes no difference to that
    return cron


def _check_single_line(text: str) -> str:
    """Refuse what ends a line in some reader, or would turn the figures that stand beside the text on a page."""
    if found := _INVISIBLE.search(text):
        raise ValueError(f"U+{ord(found[0]):04X} ends a line, or changes the direction of what is beside it")
    return text


def _check_year(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"the year must lie between {_FIRST_YEAR} and {_LAST_YEAR}")
    return moment


def _check_iban(iban: str) -> str:
    """ISO 13616: moved and spelt as digits, the number modulo 97 is 1."""
    digits = "".join(str(int(c, 36)) for c in iban[4:] + iban[:4])
    if int(digits) % 97 != 1:
        raise ValueError("the IBAN's check digits are wrong")
    return iban


Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
SingleLine = Annotated[
    str,
    Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", json_schema_extra=_VISIBLE_SCHEMA),
    AfterValidator(_check_single_line),
]
Minor = Annotated[int, Field(ge=0, le=MINOR_MAX)]
Moment = Annotated[AwareDatetime, AfterValidator(_check_year)]


class _StrictModel(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class LocalizedText(_StrictModel):
    """A text in the languages of the public page."""

    zh: SingleLine
    en: SingleLine


class PromiseCampaign(_StrictModel):
    """What is fixed once the campaign exists."""

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
    retention_days: Annotated[int, Field(ge=1, le=_DAYS_MAX)] = 365
    floor_minor: Minor = 0

    @field_validator("ends_at")
    @classmethod
    def _check_range(cls, ends_at: datetime, validation: ValidationInfo) -> datetime:
        starts_at = validation.data.get("starts_at", ends_at)  # missing: a fault of its own already
        if "starts_at" in validation.data and ends_at <= starts_at:
            raise ValueError("ends_at must come after starts_at")
        if (ends_at - starts_at).days > _CAMPAIGN_DAYS_MAX:
            raise ValueError(f"a campaign lasts at most {_CAMPAIGN_DAYS_MAX} days")
        return ends_at


class Rate(_StrictModel):
    """`amount_minor` for every `per_likes` likes: an exact ratio."""

    amount_minor: Annotated[int, Field(ge=1, le=10**12)]
    per_likes: Annotated[int, Field(ge=1, le=10**12)]


class IbanAccount(_StrictModel):
    """A bank account by IBAN."""

    iban: Annotated[str, Field(pattern=r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$"), AfterValidator(_check_iban)]
    bic: Annotated[str, Field(pattern=r"^[A-Z0-9]{8}([A-Z0-9]{3})?$")] | None = None


class OtherAccount(_StrictModel):
    """A bank account by another scheme's number."""

    scheme: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,34}$")]
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,34}$")]


def _account_kind(account: Any) -> Literal["iban", "other"]:
    """Tell which of the two is meant, so that a fault is told of that one only."""
    if isinstance(account, dict):
        return "iban" if {"iban", "bic"} & account.keys() else "other"
    return "iban" if isinstance(account, IbanAccount) else "other"


ACCOUNT_KINDS = ("iban", "other")
BankAccount = Annotated[
    Annotated[IbanAccount, Tag("iban")] | Annotated[OtherAccount, Tag("other")], Discriminator(_account_kind)
]


class Beneficiary(_StrictModel):
    """A charity, its share and where its money goes."""

    charity: Slug
    name: LocalizedText
    share_bp: Annotated[int, Field(ge=1, le=WHOLE_BP)]
    account: BankAccount


def _check_shares(beneficiaries: list[Beneficiary]) -> list[Beneficiary]:
    total = sum(b.share_bp for b in beneficiaries)
    wrong = [] if total == WHOLE_BP else [f"the share_bp add up to {total}, not {WHOLE_BP}"]
    times = Counter(b.charity for b in beneficiaries)
    wrong += [f"{charity} is named {n} times" for charity, n in times.items() if n > 1]
    if wrong:
        raise ValueError("; ".join(wrong))
    return beneficiaries


class PromiseTerms(_StrictModel):
    """Rate, caps and beneficiaries: what may change from a campaign day on."""

    rate: Rate
    daily_cap_minor: Annotated[int, Field(ge=1, le=MINOR_MAX)] | None = None
    likes_per_person_per_day: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    beneficiaries: Annotated[list[Beneficiary], Field(min_length=1, max_length=100), AfterValidator(_check_shares)]


class SettlementPolicy(_StrictModel):
    """When and how what was pledged is paid out."""

    cron: Annotated[SingleLine, AfterValidator(_check_cron)] = "0 3 * * mon"
    automatic: bool = True
    minimum_minor: Minor = 0
    approvals: Annotated[int, Field(ge=2, le=10)] = 2
    threshold_minor: Minor = 0


class Agreement(_StrictModel):
    """The signed paper behind the promise."""

    url: Annotated[str, Field(pattern=r"^https://\S{1,400}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Promise(_StrictModel):
    """The whole of it."""

    campaign: PromiseCampaign
    terms: PromiseTerms
    settlement: SettlementPolicy = SettlementPolicy()
    agreement: Agreement | None = None

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        size = len(canonical_json(self))
        if size > _BYTES_MAX:
            raise ValueError(f"the promise has {size} bytes as JSON, at most {_BYTES_MAX} fit")
        return self


class ImmutablePart(_StrictModel):
    """The promise without its terms: what `campaigns.promise` stores."""

    campaign: PromiseCampaign
    settlement: SettlementPolicy
    agreement: Agreement | None = None


def canonical_json(part: BaseModel) -> bytes:
    """Return a part's RFC 8785 JSON: the bytes that are stored, logged and compared."""
    return rfc8785.dumps(part.model_dump(mode="json", exclude_none=True))


def immutable_part(promise: Promise) -> ImmutablePart:
    """Return what cannot change any more once the campaign exists."""
    return ImmutablePart(campaign=promise.campaign, settlement=promise.settlement, agreement=promise.agreement)


def engine_terms(terms: PromiseTerms, version: int, from_day: date) -> HeldTerms:
    """Return the version as the engine uses it."""
    shares = tuple(Share(b.charity, b.share_bp) for b in terms.beneficiaries)
    return HeldTerms(
        version,
        from_day,
        terms.rate.amount_minor,
        terms.rate.per_likes,
        terms.daily_cap_minor,
        terms.likes_per_person_per_day,
        shares,
    )
