"""Every list of the registry as a page and as CSV (RFC 4180), with filters, a cursor and commands for each row."""

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
from ops.admin.core.pagination import BOOLEAN, INSTANT, ListEndpoint, read_page
from ops.http.admin_web import command_links, csrf
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.table_cells import Cell, build_cell
from ops.http.core.csv_stream import send_csv
from ops.i18n import labels
from ops.i18n.labels import LabelledChange
from ops.i18n.refusals import refusal_text

# The columns of the pages; the CSV files have every column.
COLUMNS: Mapping[str, Sequence[str]] = {
    "appeals": ("appeal", "campaign", "platform", "opened_at", "message", "verdict", "families", "case", "state"),
    "audit": ("at", "by", "role", "command", "subject", "proposal", "entry_point", "address"),
    "cases": ("case", "campaign", "family", "likes", "people", "money", "due_at", "outcome"),
    "charities": ("charity", "name", "account", "added_at", "disabled_at"),
    "content": ("content", "campaign", "enrolled_at", "paused_at"),
    "likes": ("campaign", "content", "person", "day", "state", "verdict", "case", "receipt"),
    "lines": (
        *("booked_on", "amount", "direction", "description", "bank_reference", "payouts", "charge", "difference"),
        "match_rule",
    ),
    "payouts": ("payout", "campaign", "charity", "period", "amount", "state", "paid_on", "bank_reference"),
    "platforms": ("platform", "added_at", "keys", "disabled_at"),
    "settlements": ("settlement", "campaign", "period", "cut_off", "total", "to_send", "state", "approvals_missing"),
    "statuses": ("imported_at", "status_code", "reason_code", "message", "references", "payout", "match_rule"),
    "sponsors": ("name", "former_names", "added_at", "disabled_at"),
    "sessions": ("name", "role", "sessions", "sessions_by_openid", "made_at", "ends_at"),
    "tokens": ("name", "role", "made_at", "made_by", "expires_at", "revoked_at"),
    "uploads": ("at", "campaign", "action", "state", "total", "done", "changed", "by", "fault"),
}
_STATES: Mapping[str, tuple[str, ...]] = {
    "settlements": tuple(SettlementState),
    "payouts": tuple(PayoutState),
    "cases": ("open", "closed"),
    "appeals": ("open", "upheld", "rejected"),
}
_BOOLEANS: tuple[str, ...] = ("true", "false")
_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")
_RowTest = Callable[[Mapping[str, Any]], bool]
_IS_ACTIVE: _RowTest = lambda row: not row.get("revoked_at")  # noqa: E731
# Whether a command applies to a row; commands that are not here apply to active rows.
_IS_APPLICABLE: Mapping[str, _RowTest] = {
    **{f"{kind}.disable": lambda row: not row["is_disabled"] for kind in ("charity", "sponsor", "platform")},
    **{f"{kind}.enable": lambda row: bool(row["is_disabled"]) for kind in ("charity", "sponsor", "platform")},
    **{f"settlement.{verb}": lambda _: False for verb in ("approve", "cancel", "send")},  # on the settlement's page
    "payout.retry": lambda row: row["state"] == PayoutState.RETURNED,
    "payout.record-result": lambda row: row["state"] in {PayoutState.SENDING, PayoutState.SENT},
    "line.match": lambda row: row["payout"] is None,
    "status.review": lambda row: row["review"] is None,
    "platform.drop-old": lambda row: len(row["keys"]) > 1,
    **{f"appeal.{verb}": lambda row: row["state"] == "open" for verb in ("uphold", "reject")},
    "upload.stop": lambda row: row["state"] == "running",
}


class Link(NamedTuple):
    """A command's title and the URL of its form."""

    title: str
    url: str


class ListRow(NamedTuple):
    """A row's cells, the changes that it reports, and the commands about it."""

    cells: list[Cell]
    changes: list[LabelledChange]
    links: list[Link]


class FilterInput(NamedTuple):
    """An input that filters the list."""

    key: str
    label: str
    value: str
    error: str | None
    options: list[tuple[str, str]]
    is_day: bool


class _ListPage(NamedTuple):
    """A page of rows with its cursor, or the errors of its filters."""

    rows: Sequence[Mapping[str, Any]]
    next_cursor: str | None
    errors: Mapping[str, str]


def list_endpoints() -> dict[str, ListEndpoint]:
    """Return the lists that are not part of another resource, by their name in the URL."""
    return {endpoint.path.strip("/"): endpoint for endpoint in registry.LIST_ENDPOINTS if "{" not in endpoint.path}


def _requested_list(context: PageContext) -> ListEndpoint:
    endpoint = list_endpoints().get(context.request.match_info["list"])
    if endpoint is None:
        raise NotFound("list_not_found")
    context.require_role(endpoint.roles)
    return endpoint


async def show_list(context: PageContext) -> web.Response:
    """Show a page of a list."""
    endpoint, query_values = _requested_list(context), _query_values(context)
    list_query = _list_query(endpoint, query_values)
    page = await _read_list_page(context, endpoint, list_query)
    name, columns = endpoint.path.strip("/"), COLUMNS[endpoint.name]
    rows = [_list_row(context, endpoint, row, columns) for row in page.rows]
    return context.render(
        "list",
        422 if page.errors else 200,
        name=name,
        title=labels.lookup_text("list", name, context.language, endpoint.summary),
        columns=[labels.field_label(f"column.{column}", context.language) for column in columns],
        rows=rows,
        has_commands=any(row.links for row in rows),
        is_filtered=bool(query_values.keys() & endpoint.filters.keys()),
        filters=[_filter_input(context, endpoint, key, query_values, page.errors) for key in endpoint.filters],
        other_faults=[text for key, text in page.errors.items() if key not in endpoint.filters],
        create_links=_create_links(context, endpoint),
        next_page_query=_next_page_query(context, page.next_cursor),
        csv_url=_csv_url(endpoint, list_query),
    )


async def _read_list_page(context: PageContext, endpoint: ListEndpoint, query: Mapping[str, str]) -> _ListPage:
    try:
        async with context.command_context() as command_context:
            page = await read_page(endpoint, command_context, query)
    except ValidationFailed as refused:
        errors = {error.path: refusal_text(error, context.language) for error in refused.field_errors}
        return _ListPage([], None, errors)
    return _ListPage(page[endpoint.name], page["next"], {})


def _next_page_query(context: PageContext, cursor: str | None) -> str | None:
    return f"?{urlencode({'cursor': cursor} | _lang_parameter(context))}" if cursor else None


def _csv_url(endpoint: ListEndpoint, query: Mapping[str, str]) -> str:
    filters = {name: value for name, value in query.items() if name in endpoint.filters}
    return f"{csrf.ADMIN_WEB_PREFIX}/{endpoint.path.strip('/')}.csv?{urlencode(filters)}"


def _query_values(context: PageContext) -> dict[str, str]:
    return {name: value for name, value in context.request.query.items() if value and name != "lang"}


def _list_query(list_endpoint: ListEndpoint, query_values: Mapping[str, str]) -> dict[str, str]:
    """Return the list's parameters; a day in place of a moment is its first moment in UTC."""
    return {
        name: f"{value}T00:00:00Z" if list_endpoint.filters.get(name) is INSTANT and _DAY.match(value) else value
        for name, value in query_values.items()
    }


def _filter_input(
    context: PageContext,
    list_endpoint: ListEndpoint,
    key: str,
    query_values: Mapping[str, str],
    errors: Mapping[str, str],
) -> FilterInput:
    value = query_values.get(key, "")
    is_day = list_endpoint.filters[key] is INSTANT and (not value or bool(_DAY.match(value)))
    label = labels.field_label(f"filter.{key}", context.language)
    return FilterInput(key, label, value, errors.get(key), _filter_options(context, list_endpoint, key), is_day)


def _filter_options(context: PageContext, list_endpoint: ListEndpoint, key: str) -> list[tuple[str, str]]:
    if list_endpoint.filters[key] is BOOLEAN:
        kind, choices = "choice_bool", _BOOLEANS
    else:
        kind, choices = "choice_state", _STATES.get(list_endpoint.name, ()) if key == "state" else ()
    return [(str(choice), labels.lookup_text(kind, str(choice), context.language)) for choice in choices]


def _lang_parameter(context: PageContext) -> dict[str, str]:
    return {"lang": context.language} if "lang" in context.request.query else {}


def _list_row(
    context: PageContext, list_endpoint: ListEndpoint, row: Mapping[str, Any], columns: Sequence[str]
) -> ListRow:
    cells = [build_cell(name, row, context.language) for name in columns]
    differences = diff_objects(row["before"], row["after"], "") if "before" in row else []
    changes = labels.label_changes(differences, context.language)
    return ListRow(cells, changes, _command_links(context, list_endpoint, row))


def _command_links(context: PageContext, list_endpoint: ListEndpoint, row: Mapping[str, Any]) -> list[Link]:
    """Return the commands about a row: their path extends the list's path by the row's id."""
    return [
        Link(command_links.command_title(command, context), command_links.command_url(command.name, row_id))
        for command in registry.COMMANDS
        if (row_id := _row_id(command, list_endpoint, row))
        and is_allowed(context.actor, command.roles)
        and _IS_APPLICABLE.get(command.name, _IS_ACTIVE)(row)
    ]


def _row_id(command: Command[Any], list_endpoint: ListEndpoint, row: Mapping[str, Any]) -> str | None:
    rest = command.path.removeprefix(f"{list_endpoint.path}/")
    if rest == command.path or not rest.startswith("{"):
        return None
    name = rest[1:].partition("}")[0]
    has_id = list_endpoint.name in {"lines", "statuses"}
    value = row.get("id", row.get(name)) if has_id else row.get(name, row.get("name"))
    return value if isinstance(value, str) else None


def _create_links(context: PageContext, list_endpoint: ListEndpoint) -> list[Link]:
    """Return the commands that add rows; importing a statement adds statement lines."""
    paths = {list_endpoint.path, "/statements"} if list_endpoint.name == "lines" else {list_endpoint.path}
    return [
        Link(command_links.command_title(command, context), command_links.command_url(command.name))
        for command in registry.COMMANDS
        if command.path in paths and is_allowed(context.actor, command.roles)
    ]


async def export_csv(context: PageContext) -> web.StreamResponse:
    """Stream the filtered list as CSV, page by page."""
    endpoint = _requested_list(context)
    csv_export = CsvExport(endpoint, list(endpoint.view_type.__annotations__))

    async def fetch_page(query: Mapping[str, str]) -> dict[str, Any]:
        async with context.command_context() as command_context:
            return await read_page(endpoint, command_context, query)

    list_query = _list_query(endpoint, _query_values(context))
    return await send_csv(context.request, csv_export, stream_csv(csv_export, fetch_page, list_query))
