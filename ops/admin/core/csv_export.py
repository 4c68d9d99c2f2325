"""A whole list as CSV (RFC 4180), read page by page in bounded memory."""

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

FetchPage = Callable[[Mapping[str, str]], Awaitable[dict[str, Any]]]  # by query parameters


@dataclass(frozen=True, slots=True)
class CsvExport:
    """A list that can be downloaded whole."""

    endpoint: ListEndpoint
    columns: Sequence[str]  # members of its rows; new ones are only added at the end

    @property
    def path(self) -> str:
        """Return its path under /v1/admin."""
        return f"{self.endpoint.path}.csv"


async def stream_csv(export: CsvExport, fetch_page: FetchPage, parameters: Mapping[str, str]) -> AsyncIterator[str]:
    """Yield the table in pieces, header first.

    Raises ValidationFailed before the first piece if a filter is unknown.
    """
    paging = sorted(set(parameters) & set(PAGING_PARAMETERS))
    if paging:
        raise ValidationFailed([FieldError(name, "csv_not_paged") for name in paging])
    query, first_rows = dict(parameters), [export.columns]
    while True:
        page = await fetch_page({**query, "limit": str(_PAGE_ROWS)})
        rows = page[export.endpoint.name]
        yield format_rows([*first_rows, *(_row_cells(export, row) for row in rows)])
        if page["next"] is None:
            return
        query, first_rows = {"cursor": page["next"]}, []


def _row_cells(export: CsvExport, row: Row) -> list[str]:
    return [format_cell(row[name]) for name in export.columns]


def format_cell(value: Any) -> str:
    """Return a value as a formula-safe cell; values other than text and null become JSON. Pure."""
    return csv_safe.escape_formula(value if value is None or isinstance(value, str) else orjson.dumps(value).decode())


def format_rows(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV. Pure."""
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
