"""Give a campaign another version of its rules, and have the likes of unsettled days judged by it."""

from datetime import datetime
from typing import NamedTuple

from campaigns.authenticity.diff import RulesetChange, diff_rulesets, loosens, makes_live
from campaigns.authenticity.ruleset import Ruleset, RulesetRefused, check_successor, parse_ruleset, ruleset_bytes
from campaigns.catalogue.cache import Campaign
from campaigns.catalogue.rulesets import Application, store_ruleset
from campaigns.errors import CampaignClosed, FieldError
from sql import Connection, query

MAKES_LIVE = "a rule becomes live"
LOOSENS = "live rules may hold fewer likes"

_JUDGE_UNSETTLED_DAYS_AGAIN = query("judge_unsettled_days_again")


class RulesetPlan(NamedTuple):
    """What a file of rules would change in a campaign."""

    before: Ruleset | None
    after: Ruleset
    changes: list[RulesetChange]

    @property
    def is_new(self) -> bool:
        """Whether this is not the version that the campaign has."""
        return self.before is None or ruleset_bytes(self.before) != ruleset_bytes(self.after)

    @property
    def approval_reason(self) -> str | None:
        """Why a second person must approve; None if the change only observes, or holds more likes."""
        if not self.is_new:
            return None
        if makes_live(self.before, self.after):
            return MAKES_LIVE
        return LOOSENS if loosens(self.changes) else None


def plan_ruleset(campaign: Campaign, file: bytes) -> RulesetPlan:
    """Return what a file of rules would change. Pure.

    Raises CampaignClosed, or RulesetRefused with every fault: of the file, of its version, or since
    the promise says that no rules apply.
    """
    if campaign.closed_at is not None:
        raise CampaignClosed(campaign.slug)
    promised = campaign.promise.authenticity
    if promised is not None and promised.rules == "none":
        raise RulesetRefused([FieldError("ruleset", "promise_has_no_rules", {"slug": campaign.slug})])
    after = parse_ruleset(file)
    check_successor(campaign.ruleset, after)
    return RulesetPlan(campaign.ruleset, after, diff_rulesets(campaign.ruleset, after))


async def apply_ruleset(conn: Connection, campaign: Campaign, file: bytes, by: str, now: datetime) -> RulesetPlan:
    """Store a version of a campaign's rules and return what it changes; the same version again changes nothing.

    Joins the caller's transaction, which called `lock_and_bump_version`. Raises as `plan_ruleset`.
    """
    plan = plan_ruleset(campaign, file)
    if plan.is_new:
        await store_ruleset(conn, campaign.campaign_id, campaign.slug, Application(file, by, now))
        zone = str(campaign.calendar.timezone)
        await conn.execute(_JUDGE_UNSETTLED_DAYS_AGAIN, campaign.campaign_id, campaign.slug, zone)
    return plan
