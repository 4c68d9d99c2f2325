"""Campaigns as those who run them see them: every promise, where it stands, its money, and what waits about it."""

from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

from typing_extensions import TypedDict

from campaigns.catalogue import cache
from campaigns.catalogue.apply_promise import current_promise
from campaigns.catalogue.cache import Campaign
from campaigns.errors import NotFound
from campaigns.promise.calendar import local_day
from campaigns.promise.terms import terms_on_day, versions_in_force
from campaigns.reporting.snapshot import CampaignPhase, campaign_phase
from campaigns.reporting.totals import MoneyTotals, money_totals
from ledger.accounting.balances import CampaignBalances, balances_by_campaign, campaign_balances
from ops.admin.core import proposals
from ops.admin.core.actor import ROLES
from ops.admin.core.command import CommandContext
from ops.admin.core.pagination import DetailEndpoint, ListEndpoint, ListQuery, choice_filter, parse_name
from ops.admin.resources.proposals import ProposalView, proposal_view
from sql import query

_LIST_PROPOSALS = query("list_proposals")
_COUNT_CONTENT = query("count_content")
_PROPOSALS_MAX = 200
_OPEN_STATES = (proposals.ProposalState.PENDING, proposals.ProposalState.APPROVED)


class CampaignView(TypedDict):
    """A campaign: where it is in its life, and its money."""

    campaign: str
    state: CampaignPhase
    starts_at: str
    ends_at: str
    closed_at: str | None
    currency: str
    newest_terms_version: int
    money: MoneyTotals


class TermsView(TypedDict):
    """A version of the terms, in force from the start of a campaign day until the next one is."""

    version: int
    from_day: str
    in_force: bool
    terms: dict[str, Any]


class ContentCount(TypedDict):
    """How much content is enrolled, and of how much no like is taken for now."""

    enrolled: int
    paused: int


class CampaignDetail(CampaignView):
    """All of a campaign: its promise under the newest terms, every version of them, and what waits for a person."""

    promise: dict[str, Any]
    terms: list[TermsView]
    content: ContentCount
    proposals: list[ProposalView]


def _campaign_view(context: CommandContext, campaign: Campaign, balances: CampaignBalances) -> CampaignView:
    own = campaign.promise.campaign
    return {
        "campaign": campaign.slug,
        "state": campaign_phase(campaign, context.now),
        "starts_at": own.starts_at.isoformat(),
        "ends_at": own.ends_at.isoformat(),
        "closed_at": campaign.closed_at.isoformat() if campaign.closed_at else None,
        "currency": own.currency,
        "newest_terms_version": campaign.terms[-1].version,
        "money": money_totals(balances, own.currency),
    }


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    found = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    after, wanted = list_query.after[0] if list_query.after else "", list_query.filters.get("state")
    names = [n for n in sorted(found) if n > after and wanted in (None, campaign_phase(found[n], context.now))][
        : list_query.limit
    ]
    money = await balances_by_campaign(context.conn, names)
    return [dict(_campaign_view(context, found[slug], money[slug])) for slug in names]


async def _read_campaign(context: CommandContext, slug: str) -> CampaignDetail:
    found = (await cache.read_campaigns(context.conn, context.keys.pseudonym)).get(slug)
    if found is None:
        raise NotFound(f"there is no campaign {slug!r}")
    row = await context.conn.fetchrow(_COUNT_CONTENT, found.campaign_id)
    return {
        **_campaign_view(context, found, await campaign_balances(context.conn, slug)),
        "promise": current_promise(found).model_dump(mode="json", exclude_none=True),
        "terms": _terms_views(found, local_day(context.now, found.calendar.timezone)),
        "content": {"enrolled": row["enrolled"], "paused": row["paused"]} if row else {"enrolled": 0, "paused": 0},
        "proposals": await _list_open_proposals(context, slug),
    }


def _terms_views(campaign: Campaign, today: date) -> list[TermsView]:
    days = campaign.calendar.days
    held = terms_on_day(versions_in_force(campaign.terms), min(max(today, days[0]), days[-1])).version
    return [
        {
            "version": terms.version,
            "from_day": terms.from_day.isoformat(),
            "in_force": terms.version == held,
            "terms": version.model_dump(mode="json", exclude_none=True),
        }
        for terms, version in zip(campaign.terms, campaign.versions, strict=True)
    ]


async def _list_open_proposals(context: CommandContext, slug: str) -> list[ProposalView]:
    subject, found = f"campaign/{slug}", list[ProposalView]()
    for where in _OPEN_STATES:
        rows = await context.conn.fetch(_LIST_PROPOSALS, None, None, _PROPOSALS_MAX, where.value, subject, None)
        found += [proposal_view(proposals.parse_proposal(row)) for row in rows]
    return found


CAMPAIGNS = ListEndpoint(
    "campaigns",
    "/campaigns",
    "Every campaign, by its slug: where it is, and its money",
    frozenset(ROLES),
    {"state": choice_filter(get_args(CampaignPhase))},
    _list,
    lambda row: (row["campaign"],),
    (parse_name,),
    CampaignView,
)

CAMPAIGN = DetailEndpoint(
    "/campaigns/{slug}",
    "A campaign: its promise, every version of its terms, its money, and what waits for a person about it",
    frozenset(ROLES),
    _read_campaign,
    CampaignDetail,
)
