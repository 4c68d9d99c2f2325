"""Pages to look at: what waits, the campaigns, one campaign, the proposals, one proposal."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from campaigns.errors import NotFound
from campaigns.reporting.snapshot import Standing, read
from ops.admin import registry
from ops.admin.core.command import Command, Desk, may
from ops.admin.core.pagination import page as page_of
from ops.admin.resources import proposals as deciding
from ops.admin.resources.proposals import PROPOSALS, ShownProposal
from ops.clock import utc_now
from ops.http.admin_web import command_links
from ops.http.admin_web.context import Visit
from ops.http.admin_web.forms.state import EDITORS
from ops.http.admin_web.pages.inline_command import action
from ops.http.admin_web.pages.settlements import to_do
from ops.http.admin_web.table_cells import place_of, subject
from ops.http.core.app_keys import OFFICE, SHELF
from ops.http.web.campaign_view import Scene, scene
from ops.i18n import labels
from ops.i18n.language import Language
from ops.i18n.refusals import reason

_OF_CAMPAIGN = "/campaigns/{slug}/"
_CLOSE = "campaign.close"
_WAITING_MAX = 50


async def standings(visit: Visit) -> list[Standing]:
    """Return every campaign as it stands at this moment."""
    return await read(visit.request.app[OFFICE].pool, visit.request.app[SHELF], utc_now())


async def home(visit: Visit) -> web.Response:
    """What waits for the visitor, and the campaigns at a glance."""
    async with visit.desk() as desk:
        waiting = await _proposals(desk, state="pending", limit=str(_WAITING_MAX)) if _sees(visit) else []
    own = [row for row in waiting if row["asked_by"] == visit.actor.name]
    mine = [row for row in waiting if row not in own and decides(visit, row)]
    return visit.page(
        "home",
        settlements=await to_do(visit),
        mine=[said(row, visit.language) for row in mine],
        own=[said(row, visit.language) for row in own],
        scenes=[scene(each, visit.language) for each in await standings(visit)],
        makes=may(visit.actor, registry.find("campaign.create").roles),
    )


def _sees(visit: Visit) -> bool:
    return may(visit.actor, PROPOSALS.roles)


async def _proposals(desk: Desk, **asked: str) -> Sequence[Any]:
    rows: Sequence[Any] = (await page_of(PROPOSALS, desk, asked))["proposals"]
    return rows


def decides(visit: Visit, row: ShownProposal) -> bool:
    """Tell whether the visitor may decide about a proposal."""
    is_others = row["state"] == "pending" and row["asked_by"] != visit.actor.name
    return is_others and may(visit.actor, registry.find(row["command"]).approvers)


def said(row: ShownProposal, language: Language) -> dict[str, Any]:
    """Return a proposal in words."""
    is_there = row["state"] == "done" or not row["command"].endswith(".create")
    return {
        **row,
        "said": reason(row["said"], None, language) if row["said"] else None,
        "title": labels.known("do", row["command"], language),
        "why": labels.known("second", row["reason"], language, row["reason"]),
        "state_word": labels.known("proposal_state", row["state"], language),
        "worded": labels.worded(row["differences"], language),
        "about": place_of(row["subject"]) if is_there else None,
        "about_said": subject(row["subject"], language),
        "at": labels.minute(row["asked_at"]),
        "decided": labels.minute(row["decided_at"]) if row["decided_at"] else None,
        "due": labels.minute(row["due_at"]) if row["due_at"] else None,
    }


async def campaigns(visit: Visit) -> web.Response:
    """Every campaign, oldest first."""
    return visit.page(
        "campaigns",
        scenes=[scene(each, visit.language) for each in await standings(visit)],
        makes=may(visit.actor, registry.find("campaign.create").roles),
    )


async def campaign(visit: Visit) -> web.Response:
    """One campaign: its promise and money, and what the visitor may do with it."""
    slug = visit.request.match_info["slug"]
    found = next((each for each in await standings(visit) if each.slug == slug), None)
    if found is None:
        raise NotFound(f"there is no campaign {slug!r}")
    async with visit.desk() as desk:
        waiting = await _proposals(desk, subject=f"campaign/{slug}") if _sees(visit) else []
    shown: Scene = scene(found, visit.language)
    commands = _commands(visit, found)
    return visit.page(
        "campaign",
        scene=shown,
        actions=[await action(visit, each, slug) for each in commands if _is_short(each)],
        more=[
            (command_links.title(each, visit), command_links.address(each.name, slug))
            for each in commands
            if not _is_short(each) and each.name != _CLOSE
        ],
        closes=command_links.address(_CLOSE, slug) if registry.find(_CLOSE) in commands else None,
        about=_about(visit, slug),
        is_open=found.campaign.closed_at is None,
        gives_terms=may(visit.actor, registry.find("campaign.terms").roles),
        proposals=[said(row, visit.language) for row in waiting],
    )


def _about(visit: Visit, slug: str) -> list[tuple[str, str]]:
    """Return the lists that tell more about a campaign, as far as the visitor may see them."""
    wanted = {"settlements": "campaign", "payouts": "campaign", "content": "campaign", "uploads": "campaign"}
    wanted |= {"proposals": "subject", "audit": "subject"}
    listings = {each.path.strip("/"): each for each in registry.LISTINGS}
    return [
        (
            labels.known("list", name, visit.language),
            f"/admin/{name}?{key}={'campaign/' if key == 'subject' else ''}{slug}",
        )
        for name, key in wanted.items()
        if may(visit.actor, listings[name].roles)
    ]


def _commands(visit: Visit, own: Standing) -> list[Command[Any]]:
    """Return what the visitor may do with the campaign, but for new terms, which have a page of their own."""
    known = [each for each in registry.COMMANDS if each.path.startswith(_OF_CAMPAIGN)]
    is_open = own.campaign.closed_at is None
    return [
        each
        for each in known
        if is_open and each.name not in EDITORS and each.path.count("{") == 1 and may(visit.actor, each.roles)
    ]


def _is_short(command: Command[Any]) -> bool:
    """Tell whether a command's form stands on the campaign's page: none that goes deeper or cannot be undone does."""
    return "/" not in command.path.removeprefix(_OF_CAMPAIGN) and command.name != _CLOSE


async def proposals(visit: Visit) -> web.Response:
    """Every proposal, newest first."""
    visit.may(PROPOSALS.roles)
    asked = {name: value for name, value in visit.request.query.items() if value and name != "lang"}
    async with visit.desk() as desk:
        found = await page_of(PROPOSALS, desk, asked)
    rows = [said(row, visit.language) for row in found["proposals"]]
    return visit.page("proposals", rows=rows, next=found["next"], state=asked.get("state", ""))


async def proposal(visit: Visit) -> web.Response:
    """One proposal: what would change in words and in money, and what the visitor may decide about it."""
    visit.may(PROPOSALS.roles)
    proposal_id = visit.request.match_info["proposal"]
    async with visit.desk() as desk:
        row = await deciding.look(desk, proposal_id)
    is_own = row["asked_by"] == visit.actor.name
    names = ["proposal.approve", "proposal.refuse"] if decides(visit, row) else []
    is_held = row["state"] == "approved" and may(visit.actor, registry.find(row["command"]).approvers)
    names += ["proposal.withdraw"] if (is_own and row["state"] in ("pending", "approved")) or is_held else []
    forms = [await action(visit, registry.find(name), proposal_id, hash=row["hash"]) for name in names]
    return visit.page("proposal", row=said(row, visit.language), actions=forms, is_own=is_own)
