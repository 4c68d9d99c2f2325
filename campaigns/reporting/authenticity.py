"""The public figures of authenticity: what was held and why, without thresholds, scores or rules."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from io import StringIO
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.pledging.arithmetic import due
from campaigns.pledging.waterfall import reaches_budget
from campaigns.promise.model import LocalizedText
from campaigns.reporting.settlements import IsoDate
from campaigns.reporting.snapshot import CampaignSnapshot, Instant, format_instant
from campaigns.verdict_counts import OTHER, VerdictCount, group_small_families
from ledger.money import Money, to_money

QUALITY = "quality"  # the family of likes below the promised quality
CSV_COLUMNS = ["campaign", "day", "family", "decided_by", "quarantined", "released", "void", "low_quality", "as_of"]

Decider = Literal["rules", "people"]

_UNLIMITED_MINOR = 2**63 - 1
_DAY = timedelta(days=1)


class RulesetInForce(TypedDict):
    """The newest version of the rules: since when, why, and what they look at.

    `sha256` is over the file and its salt, which are published 90 days after the close. `live_from`
    is null while the rules only observe.
    """

    version: int
    sha256: str
    applied_at: Instant
    live_from: Instant | None
    families: list[str]
    reason: LocalizedText


class UncountedLikes(TypedDict):
    """Likes that count for nothing, by their state now; `released` ones may count again."""

    quarantined: int
    void: int
    low_quality: int
    released: int


class UnearnedMoney(TypedDict):
    """The money that likes would have earned had they counted: `due` with them less `due` without.

    `total` is for all of them together: under a cap it is less than the sum of the others.
    """

    quarantined: Money
    void: Money
    low_quality: Money
    total: Money


class FamilyLikes(TypedDict):
    """Likes that the rules of a family found, by what was decided and by whom.

    They include likes that are withdrawn now. A family with under 10 likes of a day is `other`.
    """

    family: str
    decided_by: Decider
    quarantined: int
    released: int
    void: int
    low_quality: int


class FamilyTotals(FamilyLikes):
    """A family's likes over all days, and the money that they would have earned."""

    would_have_earned: Money


class AuthenticityDay(TypedDict):
    """A day's likes by their state now, and by family."""

    day: IsoDate
    quarantined: int
    void: int
    low_quality: int
    families: list[FamilyLikes]


class Cases(TypedDict):
    """The cases that people look at; `median_days` is from opening to the decision, rounded up."""

    open: int
    oldest_opened_at: Instant | None
    oldest_days: int | None
    decided: int
    median_days: int | None


class Appeals(TypedDict):
    """Appeals against verdicts, which platforms pass on for people."""

    opened: int
    upheld: int
    rejected: int


class NotJudgedDay(TypedDict):
    """Families of rules that judged nothing: too few likes of the platform's day carried a signal."""

    day: IsoDate
    platform: Annotated[str, Field(max_length=63)]
    families: list[str]


class PublishedAuthenticity(TypedDict):
    """What rules and people decided about a campaign's likes. Without a `ruleset` no rule applies."""

    campaign: str
    currency: str
    as_of: Instant
    ruleset: RulesetInForce | None
    likes: UncountedLikes
    would_have_earned: UnearnedMoney
    families: list[FamilyTotals]
    cases: Cases
    appeals: Appeals
    not_judged: list[NotJudgedDay]
    days: list[AuthenticityDay]


def published_authenticity(snapshot: CampaignSnapshot) -> PublishedAuthenticity:
    """Return the campaign's figures of authenticity."""
    counts = list_counts(snapshot)
    return {
        "campaign": snapshot.slug,
        "currency": snapshot.currency,
        "as_of": format_instant(snapshot.as_of),
        "ruleset": _ruleset_in_force(snapshot),
        "likes": _uncounted_likes(snapshot),
        "would_have_earned": _list_unearned_money(snapshot),
        "families": _family_totals(snapshot, counts),
        "cases": _cases(snapshot),
        "appeals": {**snapshot.authenticity.appeals._asdict()},  # type: ignore[typeddict-item]
        "not_judged": _not_judged(snapshot),
        "days": _days(snapshot, counts),
    }


def authenticity_csv(snapshot: CampaignSnapshot) -> str:
    """Return the campaign's verdicts by day, family and decider as CSV."""
    as_of, out = format_instant(snapshot.as_of), StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    for count in list_counts(snapshot):
        likes = (count.quarantined, count.released, count.void, count.low_quality)
        writer.writerow([snapshot.slug, count.day.isoformat(), count.family, count.decided_by, *likes, as_of])
    return out.getvalue()


def list_counts(snapshot: CampaignSnapshot) -> list[VerdictCount]:
    """Return the likes by day, family and decider, sorted; small families are `other`."""
    low_quality = [
        VerdictCount(day, QUALITY, "rules", low_quality=count.low_quality)
        for day, count in snapshot.counts_by_day.items()
    ]
    return group_small_families([*snapshot.authenticity.verdicts, *low_quality])


def compute_unearned_minor(snapshot: CampaignSnapshot, likes: Mapping[date, int]) -> int:
    """Return the money that more likes of these days would have earned, in minor units, exactly.

    A closed campaign returned what its likes left of the budget, so that limits nothing.
    """
    counted = {day: count.counted for day, count in snapshot.counts_by_day.items()}
    more = {day: counted.get(day, 0) + likes.get(day, 0) for day in counted.keys() | likes.keys()}
    budget, terms = snapshot.budget, snapshot.campaign.terms
    limit_minor = budget.funded_minor
    if budget.is_closed and not reaches_budget(snapshot.days, budget):
        limit_minor = _UNLIMITED_MINOR
    return due(terms, more, limit_minor) - due(terms, counted, limit_minor)


def _to_unearned_money(snapshot: CampaignSnapshot, likes: Mapping[date, int]) -> Money:
    return to_money(compute_unearned_minor(snapshot, likes), snapshot.currency)


def _list_unearned_money(snapshot: CampaignSnapshot) -> UnearnedMoney:
    days = snapshot.counts_by_day.items()
    return {
        "quarantined": _to_unearned_money(snapshot, {day: count.quarantined for day, count in days}),
        "void": _to_unearned_money(snapshot, {day: count.void for day, count in days}),
        "low_quality": _to_unearned_money(snapshot, {day: count.low_quality for day, count in days}),
        "total": _to_unearned_money(snapshot, {day: c.quarantined + c.void + c.low_quality for day, c in days}),
    }


def _uncounted_likes(snapshot: CampaignSnapshot) -> UncountedLikes:
    counts = snapshot.counts_by_day.values()
    return {
        "quarantined": sum(count.quarantined for count in counts),
        "void": sum(count.void for count in counts),
        "low_quality": sum(count.low_quality for count in counts),
        "released": sum(count.released for count in snapshot.authenticity.verdicts),
    }


def _family_totals(snapshot: CampaignSnapshot, counts: Iterable[VerdictCount]) -> list[FamilyTotals]:
    by_key: dict[tuple[str, str], list[VerdictCount]] = defaultdict(list)
    for count in counts:
        by_key[count.family, count.decided_by].append(count)
    return [
        {
            **_family_likes(*(sum(column) for column in zip(*(count[3:] for count in rows), strict=True)), key=key),
            "would_have_earned": _to_unearned_money(
                snapshot, {row.day: row.quarantined + row.void + row.low_quality for row in rows}
            ),
        }
        for key, rows in sorted(by_key.items())
    ]


def _family_likes(
    quarantined: int, released: int, void: int, low_quality: int, *, key: tuple[str, str]
) -> FamilyLikes:
    family, decided_by = key
    return {
        "family": family,
        "decided_by": "people" if decided_by == "people" else "rules",
        "quarantined": quarantined,
        "released": released,
        "void": void,
        "low_quality": low_quality,
    }


def _days(snapshot: CampaignSnapshot, counts: Iterable[VerdictCount]) -> list[AuthenticityDay]:
    families: dict[date, list[FamilyLikes]] = defaultdict(list)
    for count in counts:
        families[count.day].append(_family_likes(*count[3:], key=(count.family, count.decided_by)))
    return [
        {
            "day": day.day.isoformat(),
            "quarantined": day.count.quarantined,
            "void": day.count.void,
            "low_quality": day.count.low_quality,
            "families": families[day.day],
        }
        for day in snapshot.days_so_far
    ]


def _cases(snapshot: CampaignSnapshot) -> Cases:
    cases = snapshot.authenticity.cases
    oldest, median = cases.oldest_opened_at, cases.median_to_decision
    return {
        "open": cases.open,
        "oldest_opened_at": format_instant(oldest) if oldest else None,
        "oldest_days": max(0, (snapshot.as_of - oldest) // _DAY) if oldest else None,
        "decided": cases.decided,
        "median_days": None if median is None else -(-median // _DAY),
    }


def _not_judged(snapshot: CampaignSnapshot) -> list[NotJudgedDay]:
    """Return the families instead of the rules; a rule that the newest ruleset lacks is of `other`."""
    ruleset = snapshot.campaign.ruleset
    family_of = {rule.id: rule.family for rule in ruleset.rules} if ruleset else {}
    families: dict[tuple[date, str], set[str]] = defaultdict(set)
    for skipped in snapshot.authenticity.not_judged:
        families[skipped.day, skipped.platform].add(family_of.get(skipped.rule, OTHER))
    return [
        {"day": day.isoformat(), "platform": platform, "families": sorted(names)}
        for (day, platform), names in sorted(families.items())
    ]


def _ruleset_in_force(snapshot: CampaignSnapshot) -> RulesetInForce | None:
    newest, ruleset = snapshot.authenticity.ruleset, snapshot.campaign.ruleset
    if newest is None or ruleset is None:
        return None
    return {
        "version": newest.version,
        "sha256": newest.sha256,
        "applied_at": format_instant(newest.applied_at),
        "live_from": format_instant(newest.live_from) if newest.live_from else None,
        "families": ruleset.families,
        "reason": ruleset.ruleset.reason,
    }
