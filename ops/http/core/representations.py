"""What a reader may look at: a view makes an answer of a campaign's standing; here it becomes bytes."""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel

from campaigns.reporting.snapshot import Standing, instant
from ops.http.core.snapshots import Prepared, Snapshot

JSON = "application/json; charset=utf-8"
CSV = "text/csv; charset=utf-8; header=present"

View = Callable[[Standing], Any]
Table = Callable[[Standing], str]


def to_json(shown: Any) -> bytes:
    """Return an answer's bytes; what a promise leaves open is left out."""
    return orjson.dumps(shown, default=_plain)


def _plain(part: BaseModel) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude_none=True)


def about_campaign(snapshot: Snapshot, slug: str, view: View) -> Prepared:
    """Return a view of one campaign as JSON. Raises HTTPNotFound where there is none of that name."""
    standing = find(snapshot, slug)
    return snapshot.prepared(view, slug, lambda: (to_json(view(standing)), JSON))


def table_of_campaign(snapshot: Snapshot, slug: str, table: Table) -> Prepared:
    """Return a table of one campaign as CSV. Raises HTTPNotFound where there is none of that name."""
    standing = find(snapshot, slug)
    return snapshot.prepared(table, slug, lambda: (table(standing).encode(), CSV))


def about_all(snapshot: Snapshot, view: View) -> Prepared:
    """Return a view of every campaign, oldest first, as JSON."""
    return snapshot.prepared(view, "", lambda: (to_json(every(snapshot, view)), JSON))


def every(snapshot: Snapshot, view: View) -> dict[str, Any]:
    """Return a view of every campaign, oldest first."""
    return {"as_of": instant(snapshot.as_of), "campaigns": [view(each) for each in snapshot.standings.values()]}


def find(snapshot: Snapshot, slug: str) -> Standing:
    """Return a campaign's standing. Raises HTTPNotFound where there is none of that name."""
    standing = snapshot.standings.get(slug)
    if standing is None:
        raise web.HTTPNotFound
    return standing
