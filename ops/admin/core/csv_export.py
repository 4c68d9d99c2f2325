"""A whole list as CSV (RFC 4180), page by page: neither memory nor a connection is held for the length of it."""

import csv
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import orjson

from campaigns import csv_safe
from campaigns.errors import Fault, Faulty
from ops.admin.core.pagination import OWN, Listing, Row

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"
_ROWS_AT_ONCE = 100

Look = Callable[[Mapping[str, str]], Awaitable[dict[str, Any]]]  # returns the page that a query asks for


@dataclass(frozen=True, slots=True)
class Table:
    """A list that can be had as a whole."""

    listing: Listing
    columns: Sequence[str]  # members of its rows; only ever added at the end

    @property
    def path(self) -> str:
        """Where it is, under /v1/admin."""
        return f"{self.listing.path}.csv"


async def pages(table: Table, look: Look, given: Mapping[str, str]) -> AsyncIterator[str]:
    """Yield the table piece by piece, its header first. Faulty before anything was yielded: a filter is unknown."""
    own = sorted(set(given) & set(OWN))
    if own:
        raise Faulty([Fault(name, "a table is not paged: leave it out") for name in own])
    asked, start = dict(given), [table.columns]
    while True:
        found = await look({**asked, "limit": str(_ROWS_AT_ONCE)})
        rows = found[table.listing.name]
        yield written([*start, *(_cells(table, row) for row in rows)])
        if found["next"] is None:
            return
        asked, start = {"cursor": found["next"]}, []


def _cells(table: Table, row: Row) -> list[str]:
    return [cell(row[name]) for name in table.columns]


def cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet computes: what is neither text nor nothing, as JSON. Pure."""
    return csv_safe.cell(value if value is None or isinstance(value, str) else orjson.dumps(value).decode())


def written(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV. Pure."""
    made = StringIO()
    csv.writer(made).writerows(rows)
    return made.getvalue()
