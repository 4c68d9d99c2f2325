"""What rules and people decided in all campaigns, in figures: kept by increments, never by reading likes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from campaigns.verdict_counts import VerdictCount
from sql import Connection, query

_LIST_ALL_VERDICT_COUNTS = query("list_all_verdict_counts")
_LIST_RULESET_FIGURES = query("list_ruleset_figures")
_LIST_CASE_FIGURES = query("list_case_figures")
_LIST_APPEAL_FIGURES = query("list_appeal_figures")
_LIST_NOT_JUDGED = query("list_not_judged")


class NewestRuleset(NamedTuple):
    """The newest ruleset as it is stored; `live_from` is None while its rules only observe."""

    version: int
    sha256: str
    applied_at: datetime
    live_from: datetime | None


class CaseFigures(NamedTuple):
    """The cases of a campaign; `median_to_decision` is None before the first decision."""

    open: int = 0
    oldest_opened_at: datetime | None = None
    decided: int = 0
    median_to_decision: timedelta | None = None


class AppealFigures(NamedTuple):
    """The appeals of a campaign."""

    opened: int = 0
    upheld: int = 0
    rejected: int = 0


class NotJudged(NamedTuple):
    """A rule that judged nothing of a platform's day: too few likes carried what it needs."""

    platform: str
    day: date
    rule: str


NO_CASES, NO_APPEALS = CaseFigures(), AppealFigures()


@dataclass(frozen=True, slots=True)
class AuthenticityFigures:
    """What rules and people decided in one campaign."""

    ruleset: NewestRuleset | None = None  # None: the campaign is not judged
    verdicts: Sequence[VerdictCount] = ()
    cases: CaseFigures = NO_CASES
    appeals: AppealFigures = NO_APPEALS
    not_judged: Sequence[NotJudged] = ()


NO_FIGURES = AuthenticityFigures()


async def read_authenticity_figures(conn: Connection) -> Mapping[int, AuthenticityFigures]:
    """Return the figures of every campaign that has some, by campaign id. Joins the caller's transaction."""
    verdicts: dict[int, list[VerdictCount]] = defaultdict(list)
    for campaign_id, *count in map(tuple, await conn.fetch(_LIST_ALL_VERDICT_COUNTS)):
        verdicts[campaign_id].append(VerdictCount(*count))
    not_judged: dict[int, list[NotJudged]] = defaultdict(list)
    for row in await conn.fetch(_LIST_NOT_JUDGED):
        not_judged[row["campaign_id"]].append(NotJudged(row["platform"], row["day"], row["rule"]))
    rulesets = {row[0]: NewestRuleset(*tuple(row)[1:]) for row in await conn.fetch(_LIST_RULESET_FIGURES)}
    cases = {row[0]: CaseFigures(*tuple(row)[1:]) for row in await conn.fetch(_LIST_CASE_FIGURES)}
    appeals = {row[0]: AppealFigures(*tuple(row)[1:]) for row in await conn.fetch(_LIST_APPEAL_FIGURES)}
    return {
        campaign_id: AuthenticityFigures(
            rulesets.get(campaign_id),
            verdicts[campaign_id],
            cases.get(campaign_id, NO_CASES),
            appeals.get(campaign_id, NO_APPEALS),
            not_judged[campaign_id],
        )
        for campaign_id in rulesets.keys() | verdicts.keys() | cases.keys() | appeals.keys()
    }
