"""Campaigns as those who run them see them: every promise, where it stands, its money, and what waits about it."""

from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

from typing_extensions import TypedDict

from campaigns.catalogue import cache
from campaigns.catalogue.apply_promise import promised
from campaigns.catalogue.cache import Campaign
from campaigns.errors import NotFound
from campaigns.promise.calendar import day_in
from campaigns.promise.terms import in_force, on_day
from campaigns.reporting.snapshot import State, state
from campaigns.reporting.totals import MoneyTotals, money_totals
from ledger.accounting.balances import Line, balances, lines
from ops.admin.core import proposals
from ops.admin.core.actor import ROLES
from ops.admin.core.command import Desk
from ops.admin.core.pagination import Listing, Query, Reading, name, one_of
from ops.admin.resources.proposals import ShownProposal, shown
from sql import query

_LIST_PROPOSALS = query("list_proposals")
_COUNT_CONTENT = query("count_content")
_PROPOSALS_MAX = 200
_OPEN = (proposals.State.WAITS, proposals.State.APPROVED)


class ShownCampaign(TypedDict):
    """A campaign: where it is in its life, and its money."""

    campaign: str
    state: State
    starts_at: str
    ends_at: str
    closed_at: str | None
    currency: str
    newest_terms_version: int
    money: MoneyTotals


class ShownTerms(TypedDict):
    """A version of the terms, in force from the start of a campaign day until the next one is."""

    version: int
    from_day: str
    in_force: bool
    terms: dict[str, Any]


class ContentCount(TypedDict):
    """How much content is enrolled, and of how much no like is taken for now."""

    enrolled: int
    paused: int


class WholeCampaign(ShownCampaign):
    """All of a campaign: its promise under the newest terms, every version of them, and what waits for a person."""

    promise: dict[str, Any]
    terms: list[ShownTerms]
    content: ContentCount
    proposals: list[ShownProposal]


def _shown(desk: Desk, campaign: Campaign, line: Line) -> ShownCampaign:
    own = campaign.promise.campaign
    return {
        "campaign": campaign.slug,
        "state": state(campaign, desk.now),
        "starts_at": own.starts_at.isoformat(),
        "ends_at": own.ends_at.isoformat(),
        "closed_at": campaign.closed_at.isoformat() if campaign.closed_at else None,
        "currency": own.currency,
        "newest_terms_version": campaign.terms[-1].version,
        "money": money_totals(line, own.currency),
    }


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    found = await cache.campaigns(desk.conn, desk.keys.pseudonym)
    after, wanted = asked.after[0] if asked.after else "", asked.filters.get("state")
    names = [n for n in sorted(found) if n > after and wanted in (None, state(found[n], desk.now))][: asked.limit]
    money = await lines(desk.conn, names)
    return [dict(_shown(desk, found[slug], money[slug])) for slug in names]


async def _read(desk: Desk, slug: str) -> WholeCampaign:
    found = (await cache.campaigns(desk.conn, desk.keys.pseudonym)).get(slug)
    if found is None:
        raise NotFound(f"there is no campaign {slug!r}")
    row = await desk.conn.fetchrow(_COUNT_CONTENT, found.campaign_id)
    return {
        **_shown(desk, found, await balances(desk.conn, slug)),
        "promise": promised(found).model_dump(mode="json", exclude_none=True),
        "terms": _versions(found, day_in(desk.now, found.calendar.timezone)),
        "content": {"enrolled": row["enrolled"], "paused": row["paused"]} if row else {"enrolled": 0, "paused": 0},
        "proposals": await _waiting(desk, slug),
    }


def _versions(campaign: Campaign, today: date) -> list[ShownTerms]:
    days = campaign.calendar.days
    held = on_day(in_force(campaign.terms), min(max(today, days[0]), days[-1])).version
    return [
        {
            "version": terms.version,
            "from_day": terms.from_day.isoformat(),
            "in_force": terms.version == held,
            "terms": version.model_dump(mode="json", exclude_none=True),
        }
        for terms, version in zip(campaign.terms, campaign.versions, strict=True)
    ]


async def _waiting(desk: Desk, slug: str) -> list[ShownProposal]:
    subject, found = f"campaign/{slug}", list[ShownProposal]()
    for where in _OPEN:
        rows = await desk.conn.fetch(_LIST_PROPOSALS, None, None, _PROPOSALS_MAX, where.value, subject, None)
        found += [shown(proposals.read(row)) for row in rows]
    return found


CAMPAIGNS = Listing(
    "campaigns",
    "/campaigns",
    "Every campaign, by its slug: where it is, and its money",
    frozenset(ROLES),
    {"state": one_of(get_args(State))},
    _list,
    lambda row: (row["campaign"],),
    (name,),
    ShownCampaign,
)

CAMPAIGN = Reading(
    "/campaigns/{slug}",
    "A campaign: its promise, every version of its terms, its money, and what waits for a person about it",
    frozenset(ROLES),
    _read,
    WholeCampaign,
)
