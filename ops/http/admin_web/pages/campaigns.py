"""Pages to look at: what waits, the campaigns, one campaign, the proposals, one proposal."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from campaigns.errors import NotFound
from campaigns.reporting.snapshot import CampaignSnapshot, read_snapshots
from ops.admin import registry
from ops.admin.core.command import Command, CommandContext, is_allowed
from ops.admin.core.pagination import read_page as page_of
from ops.admin.resources import proposals as deciding
from ops.admin.resources.proposals import PROPOSALS, ProposalView
from ops.clock import utc_now
from ops.http.admin_web import command_links
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.forms.state import PROMISE_COMMANDS
from ops.http.admin_web.pages.inline_command import inline_command
from ops.http.admin_web.pages.settlements import pending_settlements
from ops.http.admin_web.table_cells import format_subject, subject_url
from ops.http.core.app_keys import CATALOGUE_CACHE, COMMAND_SERVICES
from ops.http.web.campaign_view import CampaignPage, build_campaign_page
from ops.i18n import labels
from ops.i18n.language import Language
from ops.i18n.stored_refusals import failure_text

_CAMPAIGN_PREFIX = "/campaigns/{slug}/"
_CLOSE_CAMPAIGN = "campaign.close"
_PENDING_MAX = 50


async def current_snapshots(context: PageContext) -> list[CampaignSnapshot]:
    """Return every campaign as it stands at this moment."""
    return await read_snapshots(
        context.request.app[COMMAND_SERVICES].pool, context.request.app[CATALOGUE_CACHE], utc_now()
    )


async def show_home(context: PageContext) -> web.Response:
    """What waits for the visitor, and the campaigns at a glance."""
    async with context.command_context() as desk:
        waiting = (
            await _list_proposals(desk, state="pending", limit=str(_PENDING_MAX))
            if _can_read_proposals(context)
            else []
        )
    own = [row for row in waiting if row["asked_by"] == context.actor.name]
    mine = [row for row in waiting if row not in own and can_decide(context, row)]
    return context.render(
        "home",
        settlements=await pending_settlements(context),
        mine=[describe_proposal(row, context.language) for row in mine],
        own=[describe_proposal(row, context.language) for row in own],
        scenes=[build_campaign_page(each, context.language) for each in await current_snapshots(context)],
        makes=is_allowed(context.actor, registry.find_command("campaign.create").roles),
    )


def _can_read_proposals(context: PageContext) -> bool:
    return is_allowed(context.actor, PROPOSALS.roles)


async def _list_proposals(command_context: CommandContext, **query: str) -> Sequence[Any]:
    rows: Sequence[Any] = (await page_of(PROPOSALS, command_context, query))["proposals"]
    return rows


def can_decide(context: PageContext, row: ProposalView) -> bool:
    """Tell whether the visitor may decide about a proposal."""
    is_others = row["state"] == "pending" and row["asked_by"] != context.actor.name
    return is_others and is_allowed(context.actor, registry.find_command(row["command"]).approvers)


def describe_proposal(row: ProposalView, language: Language) -> dict[str, Any]:
    """Return a proposal in words."""
    is_there = row["state"] == "done" or not row["command"].endswith(".create")
    return {
        **row,
        "said": failure_text(row["failure"], language) if row["failure"] else row["decision_reason"],
        "title": labels.lookup_text("do", row["command"], language),
        "why": labels.lookup_text("second", row["approval_reason"], language, row["approval_reason"]),
        "state_word": labels.lookup_text("proposal_state", row["state"], language),
        "worded": labels.label_changes(row["differences"], language),
        "about": subject_url(row["subject"]) if is_there else None,
        "about_said": format_subject(row["subject"], language),
        "at": labels.format_minute(row["asked_at"]),
        "decided": labels.format_minute(row["decided_at"]) if row["decided_at"] else None,
        "due": labels.format_minute(row["due_at"]) if row["due_at"] else None,
    }


async def show_campaigns(context: PageContext) -> web.Response:
    """Every campaign, oldest first."""
    return context.render(
        "campaigns",
        scenes=[build_campaign_page(each, context.language) for each in await current_snapshots(context)],
        makes=is_allowed(context.actor, registry.find_command("campaign.create").roles),
    )


async def show_campaign(context: PageContext) -> web.Response:
    """One campaign: its promise and money, and what the visitor may do with it."""
    slug = context.request.match_info["slug"]
    found = next((each for each in await current_snapshots(context) if each.slug == slug), None)
    if found is None:
        raise NotFound(f"there is no campaign {slug!r}")
    async with context.command_context() as desk:
        waiting = await _list_proposals(desk, subject=f"campaign/{slug}") if _can_read_proposals(context) else []
    shown: CampaignPage = build_campaign_page(found, context.language)
    commands = _available_commands(context, found)
    return context.render(
        "campaign",
        scene=shown,
        actions=[await inline_command(context, each, slug) for each in commands if _is_inline(each)],
        more=[
            (command_links.command_title(each, context), command_links.command_url(each.name, slug))
            for each in commands
            if not _is_inline(each) and each.name != _CLOSE_CAMPAIGN
        ],
        closes=command_links.command_url(_CLOSE_CAMPAIGN, slug)
        if registry.find_command(_CLOSE_CAMPAIGN) in commands
        else None,
        about=_related_lists(context, slug),
        is_open=found.campaign.closed_at is None,
        gives_terms=is_allowed(context.actor, registry.find_command("campaign.terms").roles),
        proposals=[describe_proposal(row, context.language) for row in waiting],
    )


def _related_lists(context: PageContext, slug: str) -> list[tuple[str, str]]:
    """Return the lists that tell more about a campaign, as far as the visitor may see them."""
    wanted = {"settlements": "campaign", "payouts": "campaign", "content": "campaign", "uploads": "campaign"}
    wanted |= {"proposals": "subject", "audit": "subject"}
    listings = {each.path.strip("/"): each for each in registry.LIST_ENDPOINTS}
    return [
        (
            labels.lookup_text("list", name, context.language),
            f"/admin/{name}?{key}={'campaign/' if key == 'subject' else ''}{slug}",
        )
        for name, key in wanted.items()
        if is_allowed(context.actor, listings[name].roles)
    ]


def _available_commands(context: PageContext, snapshot: CampaignSnapshot) -> list[Command[Any]]:
    """Return what the visitor may do with the campaign, but for new terms, which have a page of their own."""
    known = [each for each in registry.COMMANDS if each.path.startswith(_CAMPAIGN_PREFIX)]
    is_open = snapshot.campaign.closed_at is None
    return [
        each
        for each in known
        if is_open
        and each.name not in PROMISE_COMMANDS
        and each.path.count("{") == 1
        and is_allowed(context.actor, each.roles)
    ]


def _is_inline(command: Command[Any]) -> bool:
    """Tell whether a command's form stands on the campaign's page: none that goes deeper or cannot be undone does."""
    return "/" not in command.path.removeprefix(_CAMPAIGN_PREFIX) and command.name != _CLOSE_CAMPAIGN


async def show_proposals(context: PageContext) -> web.Response:
    """Every proposal, newest first."""
    context.require_role(PROPOSALS.roles)
    asked = {name: value for name, value in context.request.query.items() if value and name != "lang"}
    async with context.command_context() as desk:
        found = await page_of(PROPOSALS, desk, asked)
    rows = [describe_proposal(row, context.language) for row in found["proposals"]]
    return context.render("proposals", rows=rows, next=found["next"], state=asked.get("state", ""))


async def show_proposal(context: PageContext) -> web.Response:
    """One proposal: what would change in words and in money, and what the visitor may decide about it."""
    context.require_role(PROPOSALS.roles)
    proposal_id = context.request.match_info["proposal"]
    async with context.command_context() as desk:
        row = await deciding.read_proposal(desk, proposal_id)
    is_own = row["asked_by"] == context.actor.name
    names = ["proposal.approve", "proposal.refuse"] if can_decide(context, row) else []
    is_held = row["state"] == "approved" and is_allowed(
        context.actor, registry.find_command(row["command"]).approvers
    )
    names += ["proposal.withdraw"] if (is_own and row["state"] in ("pending", "approved")) or is_held else []
    forms = [
        await inline_command(context, registry.find_command(name), proposal_id, hash=row["hash"]) for name in names
    ]
    return context.render("proposal", row=describe_proposal(row, context.language), actions=forms, is_own=is_own)
