"""A whole list as CSV (RFC 4180), page by page: neither memory nor a connection is held for the length of it."""

import csv
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import orjson

from campaigns import csv_safe
from campaigns.errors import FieldError, ValidationFailed
from ops.admin.core.pagination import PAGING_PARAMETERS, ListEndpoint, Row

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"
_PAGE_ROWS = 100

FetchPage = Callable[[Mapping[str, str]], Awaitable[dict[str, Any]]]  # returns the page that a query asks for


@dataclass(frozen=True, slots=True)
class CsvExport:
    """A list that can be had as a whole."""

    endpoint: ListEndpoint
    columns: Sequence[str]  # members of its rows; only ever added at the end

    @property
    def path(self) -> str:
        """Where it is, under /v1/admin."""
        return f"{self.endpoint.path}.csv"


async def stream_csv(export: CsvExport, fetch_page: FetchPage, parameters: Mapping[str, str]) -> AsyncIterator[str]:
    """Yield the table piece by piece, its header first. Faulty before anything was yielded: a filter is unknown."""
    own = sorted(set(parameters) & set(PAGING_PARAMETERS))
    if own:
        raise ValidationFailed([FieldError(name, "a table is not paged: leave it out") for name in own])
    asked, start = dict(parameters), [export.columns]
    while True:
        found = await fetch_page({**asked, "limit": str(_PAGE_ROWS)})
        rows = found[export.endpoint.name]
        yield format_rows([*start, *(_row_cells(export, row) for row in rows)])
        if found["next"] is None:
            return
        asked, start = {"cursor": found["next"]}, []


def _row_cells(export: CsvExport, row: Row) -> list[str]:
    return [format_cell(row[name]) for name in export.columns]


def format_cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet computes: what is neither text nor nothing, as JSON. Pure."""
    return csv_safe.escape_formula(value if value is None or isinstance(value, str) else orjson.dumps(value).decode())


def format_rows(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV. Pure."""
    made = StringIO()
    csv.writer(made).writerows(rows)
    return made.getvalue()
