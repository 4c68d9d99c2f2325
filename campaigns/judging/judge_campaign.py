"""Judge the observations of a campaign: the parts that interim and closing passes share."""

from datetime import date, datetime, timedelta
from typing import NoReturn

from campaigns.authenticity.engine import RuleFailed
from campaigns.authenticity.ruleset import Ruleset
from campaigns.catalogue.cache import Campaign
from campaigns.judging.engine_run import EngineInput, EngineResult, run_engine
from campaigns.judging.errors import RuleFailure
from sql import Connection, query

ENGINE = "engine"  # stands for the id of a rule where no rule is at fault

_FIND_SETTLED_DAY = query("find_settled_day")


async def find_settled_day(conn: Connection, campaign: Campaign) -> date:
    """Return the last day that a settlement took; the day before the first one if none did."""
    day: date | None = await conn.fetchval(_FIND_SETTLED_DAY, campaign.slug)
    return day or campaign.calendar.days[0] - timedelta(days=1)


def start_of_day(campaign: Campaign, day: date) -> datetime:
    """Return the moment when a campaign day begins. Pure."""
    return datetime(day.year, day.month, day.day, tzinfo=campaign.calendar.timezone)


def require_ruleset(campaign: Campaign) -> Ruleset:
    """Return the ruleset of a campaign that is judged."""
    ruleset: Ruleset | None = campaign.ruleset
    if ruleset is None:
        raise ValueError(f"the campaign {campaign.slug} has no ruleset")
    return ruleset


async def run_for_campaign(campaign: Campaign, work: EngineInput, observations: int) -> EngineResult:
    """Return the result of the engine.

    Raises RuleFailure, with the rule, if it fails: the pass decides nothing then.
    """
    try:
        return await run_engine(work, observations)
    except RuleFailed as failed:
        _refuse(campaign, failed.rule, failed)
    except Exception as error:  # noqa: BLE001 - unreadable bytes, memory: whatever it is, nothing is judged
        _refuse(campaign, ENGINE, error)


def _refuse(campaign: Campaign, rule: str, error: Exception) -> NoReturn:
    raise RuleFailure(campaign.slug, rule) from error
