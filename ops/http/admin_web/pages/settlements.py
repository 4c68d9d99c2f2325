"""One settlement: what goes to whom and where it is, who approved it, its hash, and what may be done now."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from aiohttp import web

from ledger.settlements.model import EnvelopeState
from ledger.settlements.payout_steps import State
from ops.admin import registry
from ops.admin.core.command import may
from ops.admin.core.pagination import page as page_of
from ops.admin.resources import payouts, settlement_lists
from ops.admin.resources.settlement_views import PayoutInFull, SettlementInFull
from ops.http.admin_web import command_links
from ops.http.admin_web.context import Visit
from ops.http.admin_web.pages import command as giving
from ops.http.admin_web.pages.inline_command import Action, action
from ops.http.admin_web.pages.lists import Link
from ops.http.admin_web.table_cells import Cell, account, cell, place_of, said
from ops.i18n import formats, labels
from ops.i18n.language import Language, say

(_READING,) = settlement_lists.READINGS
_WAITS = (EnvelopeState.OPEN, EnvelopeState.APPROVED)
_COMMANDS: Mapping[str, tuple[EnvelopeState, ...]] = {
    "settlement.approve": (EnvelopeState.OPEN,),
    "settlement.send": (EnvelopeState.APPROVED, EnvelopeState.SENDING),
    "settlement.cancel": _WAITS,
}
_WAITING_COLUMNS = ("settlement", "campaign", "period", "to_send", "state")
_OF_PAYOUT = {State.RETURNED: "payout.again", State.SENDING: "payout.answer"}


class Row(NamedTuple):
    """One payout."""

    payout: str
    charity: str
    account: str | None
    amount: str
    state: str
    words: str
    more: str | None  # the bank's reference, or why it came back
    receipt: str
    links: list[Link]


class Shown(NamedTuple):
    """All of it in words."""

    settlement: str
    campaign: str
    state: str
    state_word: str
    says: str
    period: str
    cut_off: str
    total: str
    to_send: str
    made_by: str
    made_at: str
    hash: str
    rows: list[Row]
    carried: list[tuple[str, str]]
    given: list[tuple[str, str, bool]]  # who approved, when, and whether it counts for what it is now


async def settlement(visit: Visit) -> web.Response:
    """One settlement, and what the visitor may do with it."""
    return await _page(visit, visit.request.match_info["settlement"], None)


async def asked(visit: Visit) -> web.Response:
    """The same, for one command about it: whoever approves sees what they approve."""
    command = giving.command_of(visit)
    return await _page(visit, giving.of(visit), command.name)


async def of_payout(visit: Visit) -> web.Response:
    """Lead to the settlement that a payout is of."""
    async with visit.desk() as desk:
        found = await payouts.settlement_of(desk, visit.request.match_info["payout"])
    return visit.to(place_of(f"settlement/{found}"))


async def to_do(visit: Visit) -> list[list[Cell]]:
    """Return the settlements that the visitor may approve or send, as rows; whoever made one does not approve it."""
    found = list[Mapping[str, Any]]()
    if may(visit.actor, registry.find("settlement.approve").roles):
        async with visit.desk() as desk:
            for state in _WAITS:
                found += (await page_of(settlement_lists.LISTINGS[0], desk, {"state": state.value}))["settlements"]
    rows = [row for row in found if row["state"] is EnvelopeState.APPROVED or row["made_by"] != visit.actor.name]
    return [[cell(name, row, visit.language) for name in _WAITING_COLUMNS] for row in rows]


async def _page(visit: Visit, settlement_id: str, only: str | None) -> web.Response:
    visit.may(_READING.roles)
    async with visit.desk() as desk:
        found: SettlementInFull = await _READING.read(desk, settlement_id)
    names = [only] if only else [name for name in _COMMANDS if _may(visit, found, name)]
    actions: list[Action] = [await action(visit, registry.find(name), settlement_id) for name in names]
    is_makers = found["made_by"] == visit.actor.name and found["state"] == EnvelopeState.OPEN
    return visit.page("settlement", own=shown(visit, found), actions=actions, is_makers=is_makers and not only)


def _may(visit: Visit, found: SettlementInFull, name: str) -> bool:
    """Tell whether the visitor may do that now; whoever made it, or approved it already, is not asked to approve."""
    if not may(visit.actor, registry.find(name).roles) or found["state"] not in _COMMANDS[name]:
        return False
    has_said = visit.actor.name in {each["person"] for each in found["given"] if each["counts"]}
    return name != "settlement.approve" or not (has_said or visit.actor.name == found["made_by"])


def shown(visit: Visit, found: SettlementInFull) -> Shown:
    """Return a settlement in words."""
    language, currency = visit.language, found["currency"]
    return Shown(
        found["settlement"],
        found["campaign"],
        found["state"].value,
        said("state", found["state"].value, language),
        _says(found, language),
        formats.day(date.fromisoformat(found["period"]), language),
        formats.day(date.fromisoformat(found["cut_off"]), language),
        _amount(found["total"], currency, language),
        _amount(found["to_send"], currency, language),
        found["made_by"],
        labels.minute(found["made_at"]),
        found["hash"],
        [_row(visit, each) for each in found["payouts"]],
        [(each["charity"], _amount(each["amount"], currency, language)) for each in found["carried"]],
        [(each["person"], labels.minute(each["at"]), each["counts"]) for each in found["given"]],
    )


def _says(found: SettlementInFull, language: Language) -> str:
    threshold = _amount(found["threshold"], found["currency"], language)
    own = {"people": found["approvals_missing"], "threshold": threshold}
    return say(f"settlement_{found['state'].value}", language, **own)


def _amount(money: Any, currency: str, language: Language) -> str:
    return formats.amount(money["minor"], currency, language)


def _row(visit: Visit, own: PayoutInFull) -> Row:
    language, name = visit.language, _OF_PAYOUT.get(own["state"])
    links = []
    if name and may(visit.actor, registry.find(name).roles):
        command = registry.find(name)
        links.append(Link(command_links.title(command, visit), command_links.address(name, own["payout"])))
    return Row(
        own["payout"],
        own["name"][language],
        account(own["account"]) if own["account"] else None,
        _amount(own["amount"], own["currency"], language),
        own["state"].value,
        said("state", own["state"].value, language),
        own["returned_because"] or own["bank_reference"],
        f"/campaigns/{own['campaign']}/payouts/{own['payout']}",
        links,
    )
