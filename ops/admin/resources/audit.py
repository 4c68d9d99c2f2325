"""The audit as people read it: newest first, by who, what, when, and words that stand in it; as a table too."""

from collections.abc import Mapping
from typing import Any

import orjson
from typing_extensions import TypedDict

from ops.admin.core.command import Desk
from ops.admin.core.csv_export import Table
from ops.admin.core.pagination import MOMENT, TEXT, Listing, Query, number
from sql import query

_LIST_AUDIT_ENTRIES = query("list_audit_entries")
FILTERS = {
    "by": TEXT,
    "command": TEXT,
    "subject": TEXT,
    "since": MOMENT,
    "until": MOMENT,
    "under": TEXT,  # the subject begins with it: campaign/
    "proposal": TEXT,
    "says": TEXT,  # stands in the subject, before or after; in whatever case
}


class ShownAudit(TypedDict):
    """One line: who did what, when, from where; before and after."""

    audit: int
    at: str
    by: str
    role: str
    door: str
    address: str
    command: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    proposal: str | None


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    (before_id,) = asked.after or (None,)
    rows = await desk.conn.fetch(
        _LIST_AUDIT_ENTRIES, before_id, asked.limit, *(asked.filters.get(name) for name in FILTERS)
    )
    return [shown(row) for row in rows]


def shown(row: Any) -> ShownAudit:
    """Return a line as it is shown."""
    before, after = (None if row[part] is None else orjson.loads(row[part]) for part in ("before", "after"))
    return {
        "audit": row["audit_id"],
        "at": row["at"].isoformat(),
        "by": row["by"],
        "role": row["role"],
        "door": row["entry_point"],
        "address": row["address"],
        "command": row["command"],
        "subject": row["subject"],
        "before": before,
        "after": after,
        "proposal": row["proposal_id"],
    }


AUDIT = Listing(
    "audit",
    "/audit",
    "Who did what, when, from where, newest first",
    frozenset({"auditor"}),
    FILTERS,
    _list,
    lambda row: (row["audit"],),
    (number,),
    ShownAudit,
)

TABLE = Table(AUDIT, tuple(ShownAudit.__annotations__))
