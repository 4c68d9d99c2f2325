"""Campaigns for administrators: promise, phase, money, terms and open proposals."""

from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

from typing_extensions import TypedDict

from campaigns.catalogue import cache
from campaigns.catalogue.account_mask import mask_accounts
from campaigns.catalogue.apply_promise import current_promise
from campaigns.catalogue.cache import Campaign
from campaigns.errors import NotFound, printable
from campaigns.promise.calendar import local_day
from campaigns.promise.terms import terms_on_day, versions_in_force
from campaigns.reporting.snapshot import CampaignPhase, campaign_phase
from campaigns.reporting.totals import MoneyTotals, money_totals
from ledger.accounting.balances import CampaignBalances, balances_by_campaign, campaign_balances
from ops.admin.core import proposals
from ops.admin.core.actor import ROLES
from ops.admin.core.command import CommandContext
from ops.admin.core.pagination import DetailEndpoint, ListEndpoint, ListQuery, choice_filter, parse_name
from ops.admin.resources.proposal_views import ProposalView, proposal_view
from sql import query

_LIST_PROPOSALS = query("list_proposals")
_COUNT_CONTENT = query("count_content")
_PROPOSALS_MAX = 200
_OPEN_STATES = (proposals.ProposalState.PENDING, proposals.ProposalState.APPROVED)


class CampaignView(TypedDict):
    """A campaign with its phase and its money."""

    campaign: str
    state: CampaignPhase
    starts_at: str
    ends_at: str
    closed_at: str | None
    currency: str
    newest_terms_version: int
    money: MoneyTotals


class TermsView(TypedDict):
    """A version of the terms, in force from the start of `from_day` until the next version."""

    version: int
    from_day: str
    in_force: bool
    terms: dict[str, Any]


class ContentCount(TypedDict):
    """The number of enrolled and of paused contents."""

    enrolled: int
    paused: int


class CampaignDetail(CampaignView):
    """A campaign with its promise, every version of its terms, and its open proposals."""

    promise: dict[str, Any]
    terms: list[TermsView]
    content: ContentCount
    proposals: list[ProposalView]


def _campaign_view(context: CommandContext, campaign: Campaign, balances: CampaignBalances) -> CampaignView:
    fields = campaign.promise.campaign
    return {
        "campaign": campaign.slug,
        "state": campaign_phase(campaign, context.now),
        "starts_at": fields.starts_at.isoformat(),
        "ends_at": fields.ends_at.isoformat(),
        "closed_at": campaign.closed_at.isoformat() if campaign.closed_at else None,
        "currency": fields.currency,
        "newest_terms_version": campaign.terms[-1].version,
        "money": money_totals(balances, fields.currency),
    }


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    campaigns = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    after, phase = list_query.after[0] if list_query.after else "", list_query.filters.get("state")
    matching = [
        slug
        for slug, campaign in sorted(campaigns.items())
        if slug > after and phase in (None, campaign_phase(campaign, context.now))
    ]
    slugs = matching[: list_query.limit]
    balances = await balances_by_campaign(context.conn, slugs)
    return [dict(_campaign_view(context, campaigns[slug], balances[slug])) for slug in slugs]


async def _read_campaign(context: CommandContext, slug: str) -> CampaignDetail:
    campaign = (await cache.read_campaigns(context.conn, context.keys.pseudonym)).get(slug)
    if campaign is None:
        raise NotFound("campaign_not_found", slug=printable(slug))
    row = await context.conn.fetchrow(_COUNT_CONTENT, campaign.campaign_id)
    promise = current_promise(campaign).model_dump(mode="json", exclude_none=True)
    terms = _terms_views(campaign, local_day(context.now, campaign.calendar.timezone))
    return {
        **_campaign_view(context, campaign, await campaign_balances(context.conn, slug)),
        "promise": promise if context.shows_accounts else mask_accounts(promise),
        "terms": terms if context.shows_accounts else mask_accounts(terms),
        "content": {"enrolled": row["enrolled"], "paused": row["paused"]} if row else {"enrolled": 0, "paused": 0},
        "proposals": await _list_open_proposals(context, slug),
    }


def _terms_views(campaign: Campaign, today: date) -> list[TermsView]:
    days = campaign.calendar.days
    day_in_campaign = min(max(today, days[0]), days[-1])
    version_in_force = terms_on_day(versions_in_force(campaign.terms), day_in_campaign).version
    return [
        {
            "version": terms.version,
            "from_day": terms.from_day.isoformat(),
            "in_force": terms.version == version_in_force,
            "terms": version.model_dump(mode="json", exclude_none=True),
        }
        for terms, version in zip(campaign.terms, campaign.versions, strict=True)
    ]


async def _list_open_proposals(context: CommandContext, slug: str) -> list[ProposalView]:
    subject, views = f"campaign/{slug}", list[ProposalView]()
    for state in _OPEN_STATES:
        rows = await context.conn.fetch(_LIST_PROPOSALS, None, None, _PROPOSALS_MAX, state.value, subject, None)
        found = map(proposals.parse_proposal, rows)
        views += [proposal_view(proposal, shows_accounts=context.shows_accounts) for proposal in found]
    return views


CAMPAIGNS = ListEndpoint(
    "campaigns",
    "/campaigns",
    "Every campaign with its phase and its money, by slug",
    frozenset(ROLES),
    {"state": choice_filter(get_args(CampaignPhase))},
    _list,
    lambda row: (row["campaign"],),
    (parse_name,),
    CampaignView,
)

CAMPAIGN = DetailEndpoint(
    "/campaigns/{slug}",
    "A campaign: promise, every version of its terms, money and open proposals",
    frozenset(ROLES),
    _read_campaign,
    CampaignDetail,
)
