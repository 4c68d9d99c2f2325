"""One settlement: what goes to whom and where it is, who approved it, its hash, and what may be done now."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from aiohttp import web

from ledger.settlements.model import SettlementState
from ledger.settlements.payout_steps import PayoutState
from ops.admin import registry
from ops.admin.core.command import is_allowed
from ops.admin.core.pagination import read_page as page_of
from ops.admin.resources import payouts, settlement_lists
from ops.admin.resources.settlement_views import PayoutDetail, SettlementDetail
from ops.http.admin_web import command_links
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.pages import command as giving
from ops.http.admin_web.pages.inline_command import InlineCommand, inline_command
from ops.http.admin_web.pages.lists import Link
from ops.http.admin_web.table_cells import Cell, build_cell, format_account, format_cell_value, subject_url
from ops.i18n import formats, labels
from ops.i18n.language import Language, translate

(_SETTLEMENT_ENDPOINT,) = settlement_lists.DETAILS
_PENDING_STATES = (SettlementState.OPEN, SettlementState.APPROVED)
_COMMANDS: Mapping[str, tuple[SettlementState, ...]] = {
    "settlement.approve": (SettlementState.OPEN,),
    "settlement.send": (SettlementState.APPROVED, SettlementState.SENDING),
    "settlement.cancel": _PENDING_STATES,
}
_PENDING_COLUMNS = ("settlement", "campaign", "period", "to_send", "state")
_PAYOUT_COMMANDS = {PayoutState.RETURNED: "payout.retry", PayoutState.SENDING: "payout.record-result"}


class SettlementPayoutRow(NamedTuple):
    """One payout."""

    payout: str
    charity: str
    account: str | None
    amount: str
    state: str
    state_text: str
    detail: str | None  # the bank's reference, or why it came back
    receipt_url: str
    links: list[Link]


class SettlementPage(NamedTuple):
    """All of it in words."""

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
    carried: list[tuple[str, str]]
    approvals: list[tuple[str, str, bool]]  # who approved, when, and whether it counts for what it is now


async def show_settlement(context: PageContext) -> web.Response:
    """One settlement, and what the visitor may do with it."""
    return await _render_settlement(context, context.request.match_info["settlement"], None)


async def show_settlement_command(context: PageContext) -> web.Response:
    """The same, for one command about it: whoever approves sees what they approve."""
    command = giving.requested_command(context)
    return await _render_settlement(context, giving.read_subject_id(context), command.name)


async def redirect_to_settlement(context: PageContext) -> web.Response:
    """Lead to the settlement that a payout is of."""
    async with context.command_context() as desk:
        found = await payouts.find_settlement_id(desk, context.request.match_info["payout"])
    return context.redirect(subject_url(f"settlement/{found}"))


async def pending_settlements(context: PageContext) -> list[list[Cell]]:
    """Return the settlements that the visitor may approve or send, as rows; whoever made one does not approve it."""
    found = list[Mapping[str, Any]]()
    if is_allowed(context.actor, registry.find_command("settlement.approve").roles):
        async with context.command_context() as desk:
            for state in _PENDING_STATES:
                found += (await page_of(settlement_lists.LISTS[0], desk, {"state": state.value}))["settlements"]
    rows = [row for row in found if row["state"] is SettlementState.APPROVED or row["made_by"] != context.actor.name]
    return [[build_cell(name, row, context.language) for name in _PENDING_COLUMNS] for row in rows]


async def _render_settlement(context: PageContext, settlement_id: str, command_name: str | None) -> web.Response:
    context.require_role(_SETTLEMENT_ENDPOINT.roles)
    async with context.command_context() as desk:
        found: SettlementDetail = await _SETTLEMENT_ENDPOINT.read(desk, settlement_id)
    names = [command_name] if command_name else [name for name in _COMMANDS if _is_available(context, found, name)]
    actions: list[InlineCommand] = [
        await inline_command(context, registry.find_command(name), settlement_id) for name in names
    ]
    is_makers = found["made_by"] == context.actor.name and found["state"] == SettlementState.OPEN
    return context.render(
        "settlement",
        own=build_settlement_page(context, found),
        actions=actions,
        is_makers=is_makers and not command_name,
    )


def _is_available(context: PageContext, settlement: SettlementDetail, name: str) -> bool:
    """Tell whether the visitor may do that now; whoever made it, or approved it already, is not asked to approve."""
    if not is_allowed(context.actor, registry.find_command(name).roles) or settlement["state"] not in _COMMANDS[name]:
        return False
    has_said = context.actor.name in {each["person"] for each in settlement["approvals"] if each["counts"]}
    return name != "settlement.approve" or not (has_said or context.actor.name == settlement["made_by"])


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
        [_payout_row(context, each) for each in settlement["payouts"]],
        [(each["charity"], _amount(each["amount"], currency, language)) for each in settlement["carried"]],
        [(each["person"], labels.format_minute(each["at"]), each["counts"]) for each in settlement["approvals"]],
    )


def _explanation(settlement: SettlementDetail, language: Language) -> str:
    threshold = _amount(settlement["threshold"], settlement["currency"], language)
    own = {"people": settlement["approvals_missing"], "threshold": threshold}
    return translate(f"settlement_{settlement['state'].value}", language, **own)


def _amount(money: Any, currency: str, language: Language) -> str:
    return formats.amount(money["minor"], currency, language)


def _payout_row(context: PageContext, payout: PayoutDetail) -> SettlementPayoutRow:
    language, name = context.language, _PAYOUT_COMMANDS.get(payout["state"])
    links = []
    if name and is_allowed(context.actor, registry.find_command(name).roles):
        command = registry.find_command(name)
        links.append(
            Link(command_links.command_title(command, context), command_links.command_url(name, payout["payout"]))
        )
    return SettlementPayoutRow(
        payout["payout"],
        payout["name"][language],
        format_account(payout["account"]) if payout["account"] else None,
        _amount(payout["amount"], payout["currency"], language),
        payout["state"].value,
        format_cell_value("state", payout["state"].value, language),
        payout["returned_because"] or payout["bank_reference"],
        f"/campaigns/{payout['campaign']}/payouts/{payout['payout']}",
        links,
    )
