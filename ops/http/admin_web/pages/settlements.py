"""A settlement's page: its payouts and their states, its approvals, its hash and the commands available now."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from aiohttp import web

from ledger.settlements.model import SettlementState
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.return_reasons import reason_text
from ops.admin import registry
from ops.admin.core.command import is_allowed
from ops.admin.core.pagination import read_page
from ops.admin.resources import payouts, settlement_lists
from ops.admin.resources.settlement_views import PayoutDetail, SettlementDetail
from ops.http.admin_web import command_links
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.pages import command as command_pages
from ops.http.admin_web.pages.inline_command import inline_command
from ops.http.admin_web.pages.lists import Link
from ops.http.admin_web.table_cells import Cell, build_cell, format_account, format_cell_value, subject_url
from ops.i18n import formats, labels
from ops.i18n.language import Language, translate
from ops.i18n.payout_states import difference_text

(_SETTLEMENT_ENDPOINT,) = settlement_lists.DETAILS
_PENDING_STATES = (SettlementState.OPEN, SettlementState.APPROVED)
_COMMANDS: Mapping[str, tuple[SettlementState, ...]] = {
    "settlement.approve": (SettlementState.OPEN,),
    "settlement.send": (SettlementState.APPROVED, SettlementState.SENDING),
    "settlement.cancel": _PENDING_STATES,
}
_PENDING_COLUMNS = ("settlement", "campaign", "period", "to_send", "state")
_PAYOUT_COMMANDS = {
    PayoutState.RETURNED: "payout.retry",
    PayoutState.SENDING: "payout.record-result",
    PayoutState.SENT: "payout.record-result",
}


class SettlementPayoutRow(NamedTuple):
    """A payout in words."""

    payout: str
    charity: str
    account: str | None
    amount: str
    state: str
    state_text: str
    detail: str | None  # the bank's reference, or the reason of the return
    differences: list[str]
    receipt_url: str
    links: list[Link]


class SettlementPage(NamedTuple):
    """A settlement in words."""

    settlement: str
    campaign: str
    state: str
    state_text: str
    explanation: str
    period: str
    cut_off: str
    total: str
    to_send: str
    made_by: str
    made_at: str
    hash: str
    rows: list[SettlementPayoutRow]
    carried: list[tuple[str, str]]  # charity and amount
    approvals: list[tuple[str, str, bool]]  # person, moment, and whether it applies to the current content


async def show_settlement(context: PageContext) -> web.Response:
    """Show a settlement and the commands that the visitor may run now."""
    settlement = await _read_settlement(context, context.request.match_info["settlement"])
    names = [name for name in _COMMANDS if _is_available(context, settlement, name)]
    is_author = settlement["made_by"] == context.actor.name and settlement["state"] is SettlementState.OPEN
    return await _render_settlement(context, settlement, names, is_own_settlement=is_author)


async def show_settlement_command(context: PageContext) -> web.Response:
    """Show a settlement with one command, so that approvers see what they approve."""
    command = command_pages.requested_command(context)
    settlement = await _read_settlement(context, command_pages.read_subject_id(context))
    return await _render_settlement(context, settlement, [command.name], is_own_settlement=False)


async def redirect_to_settlement(context: PageContext) -> web.Response:
    """Redirect to a payout's settlement."""
    async with context.command_context() as command_context:
        settlement_id = await payouts.find_settlement_id(command_context, context.request.match_info["payout"])
    return context.redirect(subject_url(f"settlement/{settlement_id}"))


async def pending_settlements(context: PageContext) -> list[list[Cell]]:
    """Return the settlements that the visitor may approve or send, as table rows; nobody approves their own."""
    if not is_allowed(context.actor, registry.find_command("settlement.approve").roles):
        return []
    rows = [row for row in await _read_pending(context) if _can_proceed(context, row)]
    return [[build_cell(name, row, context.language) for name in _PENDING_COLUMNS] for row in rows]


async def _read_pending(context: PageContext) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    async with context.command_context() as command_context:
        for state in _PENDING_STATES:
            page = await read_page(settlement_lists.LISTS[0], command_context, {"state": state.value})
            rows += page["settlements"]
    return rows


def _can_proceed(context: PageContext, row: Mapping[str, Any]) -> bool:
    return row["state"] is SettlementState.APPROVED or row["made_by"] != context.actor.name


async def _read_settlement(context: PageContext, settlement_id: str) -> SettlementDetail:
    context.require_role(_SETTLEMENT_ENDPOINT.roles)
    async with context.command_context() as command_context:
        settlement: SettlementDetail = await _SETTLEMENT_ENDPOINT.read(command_context, settlement_id)
    return settlement


async def _render_settlement(
    context: PageContext, settlement: SettlementDetail, command_names: Sequence[str], *, is_own_settlement: bool
) -> web.Response:
    settlement_id = settlement["settlement"]
    commands = [registry.find_command(name) for name in command_names]
    return context.render(
        "settlement",
        page=build_settlement_page(context, settlement),
        inline_commands=[await inline_command(context, command, settlement_id) for command in commands],
        is_own_settlement=is_own_settlement,
    )


def _is_available(context: PageContext, settlement: SettlementDetail, name: str) -> bool:
    """Return whether the visitor may run a command now; an author or a previous approver cannot approve."""
    if not is_allowed(context.actor, registry.find_command(name).roles) or settlement["state"] not in _COMMANDS[name]:
        return False
    approvers = {approval["person"] for approval in settlement["approvals"] if approval["counts"]}
    return name != "settlement.approve" or context.actor.name not in {settlement["made_by"], *approvers}


def build_settlement_page(context: PageContext, settlement: SettlementDetail) -> SettlementPage:
    """Return a settlement in words."""
    language, currency = context.language, settlement["currency"]
    return SettlementPage(
        settlement["settlement"],
        settlement["campaign"],
        settlement["state"].value,
        format_cell_value("state", settlement["state"].value, language),
        _explanation(settlement, language),
        formats.day(date.fromisoformat(settlement["period"]), language),
        formats.day(date.fromisoformat(settlement["cut_off"]), language),
        _amount(settlement["total"], currency, language),
        _amount(settlement["to_send"], currency, language),
        settlement["made_by"],
        labels.format_minute(settlement["made_at"]),
        settlement["hash"],
        [_payout_row(context, payout) for payout in settlement["payouts"]],
        [(share["charity"], _amount(share["amount"], currency, language)) for share in settlement["carried"]],
        [(a["person"], labels.format_minute(a["at"]), a["counts"]) for a in settlement["approvals"]],
    )


def _explanation(settlement: SettlementDetail, language: Language) -> str:
    threshold = _amount(settlement["threshold"], settlement["currency"], language)
    key, people = f"settlement_{settlement['state'].value}", settlement["approvals_missing"]
    return translate(key, language, people=people, threshold=threshold)


def _amount(money: Any, currency: str, language: Language) -> str:
    return formats.amount(money["minor"], currency, language)


def _payout_row(context: PageContext, payout: PayoutDetail) -> SettlementPayoutRow:
    language = context.language
    return SettlementPayoutRow(
        payout["payout"],
        payout["name"][language],
        format_account(payout["account"]) if payout["account"] else None,
        _amount(payout["amount"], payout["currency"], language),
        payout["state"].value,
        format_cell_value("state", payout["state"].value, language),
        reason_text(payout["returned_because"], language) or payout["bank_reference"],
        [difference_text(difference, payout["currency"], language) for difference in payout["differences"]],
        f"/campaigns/{payout['campaign']}/payouts/{payout['payout']}",
        _payout_links(context, payout),
    )


def _payout_links(context: PageContext, payout: PayoutDetail) -> list[Link]:
    name = _PAYOUT_COMMANDS.get(payout["state"])
    if name is None or not is_allowed(context.actor, registry.find_command(name).roles):
        return []
    title = command_links.command_title(registry.find_command(name), context)
    return [Link(title, command_links.command_url(name, payout["payout"]))]
