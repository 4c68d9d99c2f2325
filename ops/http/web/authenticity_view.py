"""The authenticity of a campaign's likes as values in the reader's language, ready for the template."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from campaigns.reporting.authenticity import FamilyTotals, PublishedAuthenticity, published_authenticity
from campaigns.reporting.snapshot import CampaignSnapshot
from ledger.money import Money
from ops.i18n import formats
from ops.i18n.language import TEXTS, Language, localize, translate

_FAMILY_PREFIX = "family_"


class UncountedFigure(NamedTuple):
    """A number of likes that count for nothing, and the money that they would have earned."""

    key: str
    likes: str
    money: str


class FamilyRow(NamedTuple):
    """A row of the table by family of rules."""

    family: str
    decided_by: str
    quarantined: str
    released: str
    void: str
    low_quality: str
    money: str


class NotJudgedRow(NamedTuple):
    """What rules could not judge for want of signals: a platform, the families, the days."""

    platform: str
    families: str
    days: str


class RulesetRow(NamedTuple):
    """The rules in force: since when, and why."""

    text: str
    sha256: str


class Authenticity(NamedTuple):
    """The section on authenticity; without a ruleset no rules apply."""

    ruleset: RulesetRow | None
    figures: list[UncountedFigure]
    total: str | None  # None: nothing would have been earned
    families: list[FamilyRow]
    cases: str
    not_judged: list[NotJudgedRow]


def build_authenticity(snapshot: CampaignSnapshot, language: Language) -> Authenticity:
    """Return the values of the section on authenticity."""
    figures = published_authenticity(snapshot)
    likes, money = figures["likes"], figures["would_have_earned"]
    total_minor = money["total"]["minor"]
    return Authenticity(
        ruleset=_ruleset_row(figures, snapshot, language),
        figures=[
            _figure("quarantined", likes["quarantined"], money["quarantined"], snapshot.currency, language),
            _figure("void", likes["void"], money["void"], snapshot.currency, language),
            _figure("low_quality", likes["low_quality"], money["low_quality"], snapshot.currency, language),
        ],
        total=formats.amount(total_minor, snapshot.currency, language) if total_minor else None,
        families=[_family_row(row, snapshot.currency, language) for row in figures["families"]],
        cases=_join([*_case_texts(figures, language), _appeal_text(figures, language)], language),
        not_judged=_not_judged_rows(figures, language),
    )


def _figure(key: str, likes: int, money: Money, currency: str, language: Language) -> UncountedFigure:
    return UncountedFigure(key, formats.number(likes, language), formats.amount(money["minor"], currency, language))


def _family_row(row: FamilyTotals, currency: str, language: Language) -> FamilyRow:
    return FamilyRow(
        family=_family_text(row["family"], language),
        decided_by=translate(f"decided_by_{row['decided_by']}", language),
        quarantined=formats.number(row["quarantined"], language),
        released=formats.number(row["released"], language),
        void=formats.number(row["void"], language),
        low_quality=formats.number(row["low_quality"], language),
        money=formats.amount(row["would_have_earned"]["minor"], currency, language),
    )


def _family_text(family: str, language: Language) -> str:
    """Return a family in words; a sponsor's own family by its name."""
    key = f"{_FAMILY_PREFIX}{family}"
    return translate(key, language) if key in TEXTS else family


def _join(sentences: Sequence[str], language: Language) -> str:
    return ("" if language == "zh" else " ").join(sentences)


def _case_texts(figures: PublishedAuthenticity, language: Language) -> list[str]:
    cases = figures["cases"]
    opened = formats.number(cases["open"], language)
    texts = [
        translate("cases_none", language)
        if not cases["open"]
        else translate("cases_open", language, cases=opened, days=formats.number(cases["oldest_days"] or 0, language))
    ]
    if cases["median_days"] is not None:
        values = {"decided": formats.number(cases["decided"], language), "days": cases["median_days"]}
        texts.append(translate("cases_decided", language, **values))
    return texts


def _appeal_text(figures: PublishedAuthenticity, language: Language) -> str:
    appeals = figures["appeals"]
    if not appeals["opened"]:
        return translate("appeals_none", language)
    names = ("opened", "upheld", "rejected")
    numbers = {name: formats.number(appeals[name], language) for name in names}  # type: ignore[literal-required]
    return translate("appeals_some", language, **numbers)


def _not_judged_rows(figures: PublishedAuthenticity, language: Language) -> list[NotJudgedRow]:
    days: dict[tuple[str, str], int] = defaultdict(int)
    for skipped in figures["not_judged"]:
        families = ("、" if language == "zh" else ", ").join(_family_text(f, language) for f in skipped["families"])
        days[skipped["platform"], families] += 1
    return [
        NotJudgedRow(platform, families, formats.number(number, language))
        for (platform, families), number in days.items()
    ]


def _ruleset_row(figures: PublishedAuthenticity, snapshot: CampaignSnapshot, language: Language) -> RulesetRow | None:
    ruleset, newest = figures["ruleset"], snapshot.authenticity.ruleset
    if ruleset is None or newest is None:
        return None
    zone = snapshot.campaign.calendar.timezone
    since = formats.minute(newest.live_from, zone, language) if newest.live_from else None
    sentences = [
        translate("ruleset_version", language, version=ruleset["version"]),
        translate("ruleset_since", language, moment=since) if since else translate("ruleset_observes", language),
        translate("ruleset_reason", language, reason=localize(ruleset["reason"], language)),
    ]
    return RulesetRow(_join(sentences, language), ruleset["sha256"])
