"""Every list of the registry as a page and as CSV (RFC 4180): filters, a cursor, and what may be done to a row."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from campaigns.errors import Faulty, NotFound
from campaigns.promise.diff import changes
from ledger.settlements.model import EnvelopeState
from ledger.settlements.payout_steps import State
from ops.admin import registry
from ops.admin.core.command import Command, may
from ops.admin.core.csv_export import Table, pages
from ops.admin.core.pagination import MOMENT, TRUTH, Listing
from ops.admin.core.pagination import page as page_of
from ops.http.admin_web import command_links, csrf
from ops.http.admin_web.context import Visit
from ops.http.admin_web.table_cells import Cell, cell
from ops.http.core.csv_stream import streamed
from ops.i18n import labels
from ops.i18n.labels import Worded
from ops.i18n.refusals import reason

# The columns of a page, of all that a row holds: the CSV has every one.
COLUMNS: Mapping[str, Sequence[str]] = {
    "audit": ("at", "by", "role", "command", "subject", "proposal", "door", "address"),
    "charities": ("charity", "name", "account", "added_at", "disabled_at"),
    "content": ("content", "campaign", "enrolled_at", "paused_at"),
    "lines": ("booked_on", "amount", "direction", "text", "bank_reference", "payout", "because"),
    "payouts": ("payout", "campaign", "charity", "period", "amount", "state", "paid_on", "bank_reference"),
    "platforms": ("platform", "added_at", "keys", "disabled_at"),
    "settlements": ("settlement", "campaign", "period", "cut_off", "total", "to_send", "state", "approvals_missing"),
    "sponsors": ("name", "former_names", "added_at", "disabled_at"),
    "sessions": ("name", "role", "sessions", "sessions_by_openid", "made_at", "ends_at"),
    "tokens": ("name", "role", "made_at", "made_by", "expires_at", "revoked_at"),
    "uploads": ("at", "campaign", "action", "state", "total", "done", "changed", "by", "fault"),
}
_STATES: Mapping[str, tuple[str, ...]] = {"settlements": tuple(EnvelopeState), "payouts": tuple(State)}
_TRUTHS: tuple[str, ...] = ("true", "false")
_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")
_EVERY_COMMAND: Callable[[Mapping[str, Any]], bool] = lambda row: not row.get("revoked_at")  # noqa: E731
# Where a row is not what a command about it is for.
_FITS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    **{f"{kind}.disable": lambda row: not row["is_disabled"] for kind in ("charity", "sponsor", "platform")},
    **{f"{kind}.enable": lambda row: bool(row["is_disabled"]) for kind in ("charity", "sponsor", "platform")},
    **{f"settlement.{verb}": lambda _: False for verb in ("approve", "cancel", "send")},  # on its own page
    "payout.again": lambda row: row["state"] == State.RETURNED,
    "payout.answer": lambda row: row["state"] == State.SENDING,
    "line.match": lambda row: row["payout"] is None,
    "platform.drop-old": lambda row: len(row["keys"]) > 1,
    "upload.stop": lambda row: row["state"] == "running",
}


class Link(NamedTuple):
    """What may be done, and where."""

    title: str
    address: str


class Line(NamedTuple):
    """A row: its values, what it changed, and what may be done to it."""

    cells: list[Cell]
    worded: list[Worded]
    links: list[Link]


class Filter(NamedTuple):
    """One input that narrows the list."""

    key: str
    label: str
    value: str
    fault: str | None
    options: list[tuple[str, str]]
    is_day: bool


def listings() -> dict[str, Listing]:
    """Return the lists that stand for themselves, by their place in an address."""
    return {each.path.strip("/"): each for each in registry.LISTINGS if "{" not in each.path}


def _listing(visit: Visit) -> Listing:
    found = listings().get(visit.request.match_info["listing"])
    if found is None:
        raise NotFound("there is no such list")
    visit.may(found.roles)
    return found


async def listed(visit: Visit) -> web.Response:
    """A page of a list."""
    own, typed = _listing(visit), _typed(visit)
    asked = _asked(own, typed)
    faults: dict[str, str] = {}
    found: dict[str, Any] = {own.name: [], "next": None}
    try:
        async with visit.desk() as desk:
            found = await page_of(own, desk, asked)
    except Faulty as refused:
        faults = {fault.path: reason(fault.reason, None, visit.language) for fault in refused.faults}
    columns = COLUMNS[own.name]
    rows = [_line(visit, own, row, columns) for row in found[own.name]]
    name = own.path.strip("/")
    return visit.page(
        "list",
        422 if faults else 200,
        name=name,
        title=labels.known("list", name, visit.language, own.summary),
        columns=[labels.label(f"column.{column}", visit.language) for column in columns],
        rows=rows,
        has_more=any(row.links for row in rows),
        is_narrowed=bool(typed.keys() & own.filters.keys()),
        filters=[_filter(visit, own, key, typed, faults.get(key)) for key in own.filters],
        other_faults=[why for key, why in faults.items() if key not in own.filters],
        makes=_made_here(visit, own),
        next=f"?{urlencode({'cursor': found['next']} | _lang(visit))}" if found["next"] else None,
        csv=f"{csrf.PREFIX}/{name}.csv?{urlencode({k: v for k, v in asked.items() if k in own.filters})}",
    )


def _typed(visit: Visit) -> dict[str, str]:
    return {name: value for name, value in visit.request.query.items() if value and name != "lang"}


def _asked(own: Listing, typed: Mapping[str, str]) -> dict[str, str]:
    """Return what is asked of the list: a day for a moment is the day's first one, in UTC."""
    return {
        name: f"{value}T00:00:00Z" if own.filters.get(name) is MOMENT and _DAY.match(value) else value
        for name, value in typed.items()
    }


def _filter(visit: Visit, own: Listing, key: str, typed: Mapping[str, str], fault: str | None) -> Filter:
    language, value = visit.language, typed.get(key, "")
    is_truth = own.filters[key] is TRUTH
    kind, known = ("choice_bool", _TRUTHS) if is_truth else ("choice_state", _STATES.get(own.name, ()))
    options = [(str(each), labels.known(kind, str(each), language)) for each in known if is_truth or key == "state"]
    is_day = own.filters[key] is MOMENT and (not value or bool(_DAY.match(value)))
    return Filter(key, labels.label(f"filter.{key}", language), value, fault, options, is_day)


def _lang(visit: Visit) -> dict[str, str]:
    return {"lang": visit.language} if "lang" in visit.request.query else {}


def _line(visit: Visit, own: Listing, row: Mapping[str, Any], columns: Sequence[str]) -> Line:
    cells = [cell(name, row, visit.language) for name in columns]
    changed = changes(row["before"], row["after"], "") if "before" in row else []
    return Line(cells, labels.worded(changed, visit.language), _links(visit, own, row))


def _links(visit: Visit, own: Listing, row: Mapping[str, Any]) -> list[Link]:
    """Return the commands about one row: those whose address goes on from the list's with the row's name."""
    found = []
    for command in registry.COMMANDS:
        place = _place(command, own, row)
        if place and may(visit.actor, command.roles) and _FITS.get(command.name, _EVERY_COMMAND)(row):
            found.append(Link(command_links.title(command, visit), command_links.address(command.name, place)))
    return found


def _place(command: Command[Any], own: Listing, row: Mapping[str, Any]) -> str | None:
    rest = command.path.removeprefix(f"{own.path}/")
    if rest == command.path or not rest.startswith("{"):
        return None
    name = rest[1:].partition("}")[0]
    value = row.get("id", row.get(name)) if own.name == "lines" else row.get(name, row.get("name"))
    return value if isinstance(value, str) else None


def _made_here(visit: Visit, own: Listing) -> list[Link]:
    """Return what may be added to the list; a statement adds lines to theirs."""
    places = {own.path, "/statements"} if own.name == "lines" else {own.path}
    return [
        Link(command_links.title(command, visit), command_links.address(command.name))
        for command in registry.COMMANDS
        if command.path in places and may(visit.actor, command.roles)
    ]


async def saved(visit: Visit) -> web.StreamResponse:
    """Send a list as CSV, with its filters: streamed, however long it is."""
    own = _listing(visit)
    table = Table(own, list(own.shape.__annotations__))

    async def look(given: Mapping[str, str]) -> dict[str, Any]:
        async with visit.desk() as desk:
            return await page_of(own, desk, given)

    return await streamed(visit.request, table, pages(table, look, _asked(own, _typed(visit))))
