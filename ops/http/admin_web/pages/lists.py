"""Every list of the registry as a page and as CSV (RFC 4180): filters, a cursor, and what may be done to a row."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from campaigns.errors import NotFound, ValidationFailed
from campaigns.promise.diff import diff_objects
from ledger.settlements.model import SettlementState
from ledger.settlements.payout_steps import PayoutState
from ops.admin import registry
from ops.admin.core.command import Command, is_allowed
from ops.admin.core.csv_export import CsvExport, stream_csv
from ops.admin.core.pagination import BOOLEAN, INSTANT, ListEndpoint
from ops.admin.core.pagination import read_page as page_of
from ops.http.admin_web import command_links, csrf
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.table_cells import Cell, build_cell
from ops.http.core.csv_stream import send_csv
from ops.i18n import labels
from ops.i18n.labels import LabelledChange
from ops.i18n.refusals import refusal_text

# The columns of a page, of all that a row holds: the CSV has every one.
COLUMNS: Mapping[str, Sequence[str]] = {
    "audit": ("at", "by", "role", "command", "subject", "proposal", "door", "address"),
    "charities": ("charity", "name", "account", "added_at", "disabled_at"),
    "content": ("content", "campaign", "enrolled_at", "paused_at"),
    "lines": ("booked_on", "amount", "direction", "text", "bank_reference", "payout", "match_rule"),
    "payouts": ("payout", "campaign", "charity", "period", "amount", "state", "paid_on", "bank_reference"),
    "platforms": ("platform", "added_at", "keys", "disabled_at"),
    "settlements": ("settlement", "campaign", "period", "cut_off", "total", "to_send", "state", "approvals_missing"),
    "sponsors": ("name", "former_names", "added_at", "disabled_at"),
    "sessions": ("name", "role", "sessions", "sessions_by_openid", "made_at", "ends_at"),
    "tokens": ("name", "role", "made_at", "made_by", "expires_at", "revoked_at"),
    "uploads": ("at", "campaign", "action", "state", "total", "done", "changed", "by", "fault"),
}
_STATES: Mapping[str, tuple[str, ...]] = {"settlements": tuple(SettlementState), "payouts": tuple(PayoutState)}
_BOOLEANS: tuple[str, ...] = ("true", "false")
_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")
_IS_ACTIVE: Callable[[Mapping[str, Any]], bool] = lambda row: not row.get("revoked_at")  # noqa: E731
# Where a row is not what a command about it is for.
_IS_APPLICABLE: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    **{f"{kind}.disable": lambda row: not row["is_disabled"] for kind in ("charity", "sponsor", "platform")},
    **{f"{kind}.enable": lambda row: bool(row["is_disabled"]) for kind in ("charity", "sponsor", "platform")},
    **{f"settlement.{verb}": lambda _: False for verb in ("approve", "cancel", "send")},  # on its own page
    "payout.retry": lambda row: row["state"] == PayoutState.RETURNED,
    "payout.record-result": lambda row: row["state"] == PayoutState.SENDING,
    "line.match": lambda row: row["payout"] is None,
    "platform.drop-old": lambda row: len(row["keys"]) > 1,
    "upload.stop": lambda row: row["state"] == "running",
}


class Link(NamedTuple):
    """What may be done, and where."""

    title: str
    url: str


class ListRow(NamedTuple):
    """A row: its values, what it changed, and what may be done to it."""

    cells: list[Cell]
    changes: list[LabelledChange]
    links: list[Link]


class FilterInput(NamedTuple):
    """One input that narrows the list."""

    key: str
    label: str
    value: str
    error: str | None
    options: list[tuple[str, str]]
    is_day: bool


def list_endpoints() -> dict[str, ListEndpoint]:
    """Return the lists that stand for themselves, by their place in an address."""
    return {each.path.strip("/"): each for each in registry.LIST_ENDPOINTS if "{" not in each.path}


def _requested_list(context: PageContext) -> ListEndpoint:
    found = list_endpoints().get(context.request.match_info["listing"])
    if found is None:
        raise NotFound("there is no such list")
    context.require_role(found.roles)
    return found


async def show_list(context: PageContext) -> web.Response:
    """A page of a list."""
    own, typed = _requested_list(context), _query_values(context)
    asked = _list_query(own, typed)
    faults: dict[str, str] = {}
    found: dict[str, Any] = {own.name: [], "next": None}
    try:
        async with context.command_context() as desk:
            found = await page_of(own, desk, asked)
    except ValidationFailed as refused:
        faults = {fault.path: refusal_text(fault, context.language) for fault in refused.field_errors}
    columns = COLUMNS[own.name]
    rows = [_list_row(context, own, row, columns) for row in found[own.name]]
    name = own.path.strip("/")
    return context.render(
        "list",
        422 if faults else 200,
        name=name,
        title=labels.lookup_text("list", name, context.language, own.summary),
        columns=[labels.field_label(f"column.{column}", context.language) for column in columns],
        rows=rows,
        has_more=any(row.links for row in rows),
        is_narrowed=bool(typed.keys() & own.filters.keys()),
        filters=[_filter_input(context, own, key, typed, faults.get(key)) for key in own.filters],
        other_faults=[why for key, why in faults.items() if key not in own.filters],
        makes=_create_links(context, own),
        next=f"?{urlencode({'cursor': found['next']} | _lang_parameter(context))}" if found["next"] else None,
        csv=f"{csrf.ADMIN_WEB_PREFIX}/{name}.csv?{urlencode({k: v for k, v in asked.items() if k in own.filters})}",
    )


def _query_values(context: PageContext) -> dict[str, str]:
    return {name: value for name, value in context.request.query.items() if value and name != "lang"}


def _list_query(list_endpoint: ListEndpoint, query_values: Mapping[str, str]) -> dict[str, str]:
    """Return what is asked of the list: a day for a moment is the day's first one, in UTC."""
    return {
        name: f"{value}T00:00:00Z" if list_endpoint.filters.get(name) is INSTANT and _DAY.match(value) else value
        for name, value in query_values.items()
    }


def _filter_input(
    context: PageContext, list_endpoint: ListEndpoint, key: str, query_values: Mapping[str, str], error: str | None
) -> FilterInput:
    language, value = context.language, query_values.get(key, "")
    is_truth = list_endpoint.filters[key] is BOOLEAN
    kind, known = ("choice_bool", _BOOLEANS) if is_truth else ("choice_state", _STATES.get(list_endpoint.name, ()))
    options = [
        (str(each), labels.lookup_text(kind, str(each), language)) for each in known if is_truth or key == "state"
    ]
    is_day = list_endpoint.filters[key] is INSTANT and (not value or bool(_DAY.match(value)))
    return FilterInput(key, labels.field_label(f"filter.{key}", language), value, error, options, is_day)


def _lang_parameter(context: PageContext) -> dict[str, str]:
    return {"lang": context.language} if "lang" in context.request.query else {}


def _list_row(
    context: PageContext, list_endpoint: ListEndpoint, row: Mapping[str, Any], columns: Sequence[str]
) -> ListRow:
    cells = [build_cell(name, row, context.language) for name in columns]
    changed = diff_objects(row["before"], row["after"], "") if "before" in row else []
    return ListRow(
        cells, labels.label_changes(changed, context.language), _command_links(context, list_endpoint, row)
    )


def _command_links(context: PageContext, list_endpoint: ListEndpoint, row: Mapping[str, Any]) -> list[Link]:
    """Return the commands about one row: those whose address goes on from the list's with the row's name."""
    found = []
    for command in registry.COMMANDS:
        place = _row_id(command, list_endpoint, row)
        if place and is_allowed(context.actor, command.roles) and _IS_APPLICABLE.get(command.name, _IS_ACTIVE)(row):
            found.append(
                Link(command_links.command_title(command, context), command_links.command_url(command.name, place))
            )
    return found


def _row_id(command: Command[Any], list_endpoint: ListEndpoint, row: Mapping[str, Any]) -> str | None:
    rest = command.path.removeprefix(f"{list_endpoint.path}/")
    if rest == command.path or not rest.startswith("{"):
        return None
    name = rest[1:].partition("}")[0]
    value = row.get("id", row.get(name)) if list_endpoint.name == "lines" else row.get(name, row.get("name"))
    return value if isinstance(value, str) else None


def _create_links(context: PageContext, list_endpoint: ListEndpoint) -> list[Link]:
    """Return what may be added to the list; a statement adds lines to theirs."""
    places = {list_endpoint.path, "/statements"} if list_endpoint.name == "lines" else {list_endpoint.path}
    return [
        Link(command_links.command_title(command, context), command_links.command_url(command.name))
        for command in registry.COMMANDS
        if command.path in places and is_allowed(context.actor, command.roles)
    ]


async def export_csv(context: PageContext) -> web.StreamResponse:
    """Send a list as CSV, with its filters: streamed, however long it is."""
    own = _requested_list(context)
    table = CsvExport(own, list(own.view_type.__annotations__))

    async def look(given: Mapping[str, str]) -> dict[str, Any]:
        async with context.command_context() as desk:
            return await page_of(own, desk, given)

    return await send_csv(context.request, table, stream_csv(table, look, _list_query(own, _query_values(context))))
