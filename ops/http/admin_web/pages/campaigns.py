"""Overview, campaigns and proposals as pages."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aiohttp import web

from campaigns.errors import NotFound
from campaigns.reporting.snapshot import CampaignSnapshot, read_snapshots
from campaigns.review.cases import NO_CASES, CaseBacklog, read_case_backlog
from ledger.payouts.recovery import read_backlog
from ops.admin import registry
from ops.admin.core.command import Command, CommandContext, is_allowed
from ops.admin.core.pagination import read_page
from ops.admin.resources import review_lists
from ops.admin.resources.overview import list_open_matters
from ops.admin.resources.proposal_views import ProposalView
from ops.admin.resources.proposals import PROPOSALS, read_proposal
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
_FILTERS_BY_LIST = {
    "settlements": "campaign",
    "payouts": "campaign",
    "content": "campaign",
    "uploads": "campaign",
    "proposals": "subject",
    "audit": "subject",
}


async def current_snapshots(context: PageContext) -> list[CampaignSnapshot]:
    """Return every campaign's current figures."""
    app = context.request.app
    return await read_snapshots(app[COMMAND_SERVICES].pool, app[CATALOGUE_CACHE], utc_now())


async def show_home(context: PageContext) -> web.Response:
    """Show the visitor's pending work and all campaigns."""
    pending = await _pending_proposals(context)
    own_proposals = [row for row in pending if row["asked_by"] == context.actor.name]
    decidable = [row for row in pending if can_decide(context, row)]
    snapshots = await current_snapshots(context)
    async with context.command_context() as command_context:
        sent_before = command_context.now - timedelta(days=command_context.settings.payout_sent_days)
        backlog = await read_backlog(command_context.conn, sent_before)
        case_backlog = await _read_case_backlog(context, command_context)
    return context.render(
        "home",
        open_matters=list_open_matters(
            snapshots,
            backlog.unmatched_line_count,
            unreviewed_status_count=backlog.unreviewed_status_count,
            overdue_count=backlog.overdue_count,
            case_backlog=case_backlog,
        ),
        settlements=await pending_settlements(context),
        decidable_proposals=[describe_proposal(row, context.language) for row in decidable],
        own_proposals=[describe_proposal(row, context.language) for row in own_proposals],
        pages=[build_campaign_page(snapshot, context.language) for snapshot in snapshots],
        can_create_campaign=_may_run(context, command_links.CREATE_CAMPAIGN),
    )


async def _read_case_backlog(context: PageContext, command_context: CommandContext) -> CaseBacklog:
    """Return how many cases wait; none if the visitor may not see cases."""
    if not is_allowed(context.actor, review_lists.READERS):
        return NO_CASES
    return await read_case_backlog(command_context.conn)


async def _pending_proposals(context: PageContext) -> Sequence[ProposalView]:
    return await _read_proposals(context, state="pending", limit=str(_PENDING_MAX))


async def _read_proposals(context: PageContext, **query: str) -> Sequence[ProposalView]:
    """Return the proposals that match; none if the visitor may not see proposals."""
    if not is_allowed(context.actor, PROPOSALS.roles):
        return []
    async with context.command_context() as command_context:
        return await _list_proposals(command_context, query)


async def _list_proposals(command_context: CommandContext, query: dict[str, str]) -> Sequence[ProposalView]:
    proposals: Sequence[ProposalView] = (await read_page(PROPOSALS, command_context, query))["proposals"]
    return proposals


async def _campaign_pages(context: PageContext) -> list[CampaignPage]:
    return [build_campaign_page(snapshot, context.language) for snapshot in await current_snapshots(context)]


def _may_run(context: PageContext, command_name: str) -> bool:
    return is_allowed(context.actor, registry.find_command(command_name).roles)


def can_decide(context: PageContext, row: ProposalView) -> bool:
    """Return whether the visitor may approve or refuse a proposal."""
    is_of_other_person = row["state"] == "pending" and row["asked_by"] != context.actor.name
    return is_of_other_person and is_allowed(context.actor, registry.find_command(row["command"]).approvers)


def describe_proposal(row: ProposalView, language: Language) -> dict[str, Any]:
    """Return a proposal with its texts for the template. Pure."""
    has_subject_page = row["state"] == "done" or not row["command"].endswith(".create")
    failure, approval_reason = row["failure"], row["approval_reason"]
    return {
        **row,
        "title": labels.lookup_text("command", row["command"], language),
        "state_text": labels.lookup_text("proposal_state", row["state"], language),
        "approval_reason_text": labels.lookup_text("approval_reason", approval_reason, language, approval_reason),
        "decision_reason_text": failure_text(failure, language) if failure else row["decision_reason"],
        "changes": labels.label_changes(row["differences"], language),
        "subject_url": subject_url(row["subject"]) if has_subject_page else None,
        "subject_text": format_subject(row["subject"], language),
        "asked_at_text": labels.format_minute(row["asked_at"]),
        "decided_at_text": labels.format_minute(row["decided_at"]) if row["decided_at"] else None,
        "due_at_text": labels.format_minute(row["due_at"]) if row["due_at"] else None,
    }


async def show_campaigns(context: PageContext) -> web.Response:
    """Show every campaign, oldest first."""
    can_create_campaign = _may_run(context, command_links.CREATE_CAMPAIGN)
    return context.render("campaigns", pages=await _campaign_pages(context), can_create_campaign=can_create_campaign)


async def show_campaign(context: PageContext) -> web.Response:
    """Show a campaign's promise and money, and the commands that the visitor may run."""
    slug = context.request.match_info["slug"]
    snapshot = await _find_snapshot(context, slug)
    proposals = await _read_proposals(context, subject=f"campaign/{slug}")
    commands = _available_commands(context, snapshot)
    return context.render(
        "campaign",
        page=build_campaign_page(snapshot, context.language),
        inline_commands=[await inline_command(context, command, slug) for command in commands if _is_inline(command)],
        command_links=_command_links(context, commands, slug),
        close_url=_close_url(commands, slug),
        related_lists=_related_lists(context, slug),
        can_give_terms=_may_run(context, command_links.NEW_TERMS) and snapshot.campaign.closed_at is None,
        proposals=[describe_proposal(row, context.language) for row in proposals],
    )


async def _find_snapshot(context: PageContext, slug: str) -> CampaignSnapshot:
    for snapshot in await current_snapshots(context):
        if snapshot.slug == slug:
            return snapshot
    raise NotFound("campaign_not_found", slug=slug)


def _command_links(context: PageContext, commands: Sequence[Command[Any]], slug: str) -> list[tuple[str, str]]:
    return [
        (command_links.command_title(command, context), command_links.command_url(command.name, slug))
        for command in commands
        if not _is_inline(command) and command.name != _CLOSE_CAMPAIGN
    ]


def _close_url(commands: Sequence[Command[Any]], slug: str) -> str | None:
    can_close = any(command.name == _CLOSE_CAMPAIGN for command in commands)
    return command_links.command_url(_CLOSE_CAMPAIGN, slug) if can_close else None


def _related_lists(context: PageContext, slug: str) -> list[tuple[str, str]]:
    """Return title and URL of the lists about a campaign that the visitor may see."""
    endpoints = {endpoint.path.strip("/"): endpoint for endpoint in registry.LIST_ENDPOINTS}
    return [
        (labels.lookup_text("list", name, context.language), _filtered_list_url(name, slug))
        for name in _FILTERS_BY_LIST
        if is_allowed(context.actor, endpoints[name].roles)
    ]


def _filtered_list_url(name: str, slug: str) -> str:
    key = _FILTERS_BY_LIST[name]
    return f"/admin/{name}?{key}={'campaign/' if key == 'subject' else ''}{slug}"


def _available_commands(context: PageContext, snapshot: CampaignSnapshot) -> list[Command[Any]]:
    """Return the commands about the campaign that the visitor may run, except new terms."""
    if snapshot.campaign.closed_at is not None:
        return []
    return [
        command
        for command in registry.COMMANDS
        if command.path.startswith(_CAMPAIGN_PREFIX)
        and command.path.count("{") == 1
        and command.name not in PROMISE_COMMANDS
        and is_allowed(context.actor, command.roles)
    ]


def _is_inline(command: Command[Any]) -> bool:
    """Return whether a command's form is part of the campaign's page; closing and sub-resources are not."""
    return "/" not in command.path.removeprefix(_CAMPAIGN_PREFIX) and command.name != _CLOSE_CAMPAIGN


async def show_proposals(context: PageContext) -> web.Response:
    """Show the proposals, newest first."""
    context.require_role(PROPOSALS.roles)
    query = {name: value for name, value in context.request.query.items() if value and name != "lang"}
    async with context.command_context() as command_context:
        page = await read_page(PROPOSALS, command_context, query)
    rows = [describe_proposal(row, context.language) for row in page["proposals"]]
    return context.render("proposals", rows=rows, next_cursor=page["next"], state=query.get("state", ""))


async def show_proposal(context: PageContext) -> web.Response:
    """Show a proposal's changes, and the decisions that the visitor may make."""
    context.require_role(PROPOSALS.roles)
    proposal_id = context.request.match_info["proposal"]
    async with context.command_context() as command_context:
        row = await read_proposal(command_context, proposal_id)
    forms = [
        await inline_command(context, registry.find_command(name), proposal_id, hash=row["hash"])
        for name in _decision_commands(context, row)
    ]
    return context.render("proposal", row=describe_proposal(row, context.language), inline_commands=forms)


def _decision_commands(context: PageContext, row: ProposalView) -> list[str]:
    names = ["proposal.approve", "proposal.refuse"] if can_decide(context, row) else []
    return [*names, "proposal.withdraw"] if _can_withdraw(context, row) else names


def _can_withdraw(context: PageContext, row: ProposalView) -> bool:
    """Return whether the visitor may withdraw: the author, and an approver before a delayed execution."""
    is_author = row["asked_by"] == context.actor.name and row["state"] in ("pending", "approved")
    is_approver = is_allowed(context.actor, registry.find_command(row["command"]).approvers)
    return is_author or (row["state"] == "approved" and is_approver)
