"""Every list of the registry as a page and as CSV (RFC 4180): filters, a cursor, and what may be done to a row."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson
from aiohttp import web

from campaigns.refusals import Faulty, NotFound
from ops.admin import registry
from ops.admin.command import Command, may
from ops.admin.listing import Listing
from ops.admin.listing import page as page_of
from ops.admin.table import Table, pages
from ops.http.admin import streamed
from ops.http.admin_pages import giving, guards, wording
from ops.http.admin_pages.reasons import reason
from ops.http.admin_pages.visit import Visit

_NEVER_CELLS = frozenset({"before", "after", "hash", "differences"})


class Link(NamedTuple):
    """What may be done, and where."""

    title: str
    address: str


class Cells(NamedTuple):
    """A row: its values, and what may be done to it."""

    cells: list[str]
    before: str | None
    after: str | None
    links: list[Link]


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
    own = _listing(visit)
    asked = {name: value for name, value in visit.request.query.items() if value and name != "lang"}
    faults: dict[str, str] = {}
    found: dict[str, Any] = {own.name: [], "next": None}
    try:
        async with visit.desk() as desk:
            found = await page_of(own, desk, asked)
    except Faulty as refused:
        faults = {fault.path: reason(fault.reason, None, visit.language) for fault in refused.faults}
    columns = [name for name in own.shape.__annotations__ if name not in _NEVER_CELLS]
    name = own.path.strip("/")
    return visit.page(
        "list",
        422 if faults else 200,
        name=name,
        title=wording.known("list", name, visit.language, own.summary),
        columns=[wording.label(column, visit.language) for column in columns],
        rows=[_row(visit, own, row, columns) for row in found[own.name]],
        filters=[
            (key, wording.label(key, visit.language), asked.get(key, ""), faults.get(key)) for key in own.filters
        ],
        other_faults=[why for key, why in faults.items() if key not in own.filters],
        makes=_made_here(visit, own),
        next=f"?{urlencode({'cursor': found['next']} | _lang(visit))}" if found["next"] else None,
        csv=f"{guards.PREFIX}/{name}.csv?{urlencode({k: v for k, v in asked.items() if k in own.filters})}",
    )


def _lang(visit: Visit) -> dict[str, str]:
    return {"lang": visit.language} if "lang" in visit.request.query else {}


def _row(visit: Visit, own: Listing, row: Mapping[str, Any], columns: list[str]) -> Cells:
    cells = [cell(name, row[name], visit.language) for name in columns]
    before, after = (_pretty(row.get(part)) for part in ("before", "after"))
    return Cells(cells, before, after, _links(visit, own, row))


def cell(name: str, value: Any, language: Any) -> str:
    """Return a value as a cell of a table."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return wording.known("choice_bool", str(value).lower(), language)
    if isinstance(value, str):
        return wording.value_of(name, value, language)
    if isinstance(value, list):
        return ", ".join(cell(name, each, language) for each in value)
    return value["text"] if isinstance(value, dict) and "text" in value else _plain(value)


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, int) else orjson.dumps(value).decode()


def _pretty(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _links(visit: Visit, own: Listing, row: Mapping[str, Any]) -> list[Link]:
    """Return the commands about one row: those whose address goes on from the list's with the row's name."""
    found = []
    for command in registry.COMMANDS:
        place = _place(command, own, row)
        if place and may(visit.actor, command.roles) and not row.get("dropped_at"):
            found.append(Link(giving.title(command, visit), giving.address(command.name, place)))
    return found


def _place(command: Command[Any], own: Listing, row: Mapping[str, Any]) -> str | None:
    rest = command.path.removeprefix(f"{own.path}/")
    if rest == command.path or not rest.startswith("{"):
        return None
    name = rest[1:].partition("}")[0]
    value = row.get(name, row.get("name", row.get("id")))
    return value if isinstance(value, str) else None


def _made_here(visit: Visit, own: Listing) -> list[Link]:
    """Return what may be added to the list."""
    return [
        Link(giving.title(command, visit), giving.address(command.name))
        for command in registry.COMMANDS
        if command.path == own.path and may(visit.actor, command.roles)
    ]


async def saved(visit: Visit) -> web.StreamResponse:
    """Send a list as CSV, with its filters: streamed, however long it is."""
    own = _listing(visit)
    asked = {name: value for name, value in visit.request.query.items() if value and name != "lang"}
    table = Table(own, list(own.shape.__annotations__))

    async def look(given: Mapping[str, str]) -> dict[str, Any]:
        async with visit.desk() as desk:
            return await page_of(own, desk, given)

    return await streamed(visit.request, table, pages(table, look, asked))
