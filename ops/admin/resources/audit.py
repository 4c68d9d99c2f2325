"""The audit log as a filtered list, newest first, and as CSV."""

from collections.abc import Mapping
from typing import Any

import orjson
from typing_extensions import TypedDict

from ops.admin.core.command import CommandContext
from ops.admin.core.csv_export import CsvExport
from ops.admin.core.pagination import INSTANT, TEXT, ListEndpoint, ListQuery, parse_number
from sql import query

_LIST_AUDIT_ENTRIES = query("list_audit_entries")
FILTERS = {
    "by": TEXT,
    "command": TEXT,
    "subject": TEXT,
    "since": INSTANT,
    "until": INSTANT,
    "subject_prefix": TEXT,  # such as campaign/
    "proposal": TEXT,
    "contains": TEXT,  # in the subject, before or after; case-insensitive
}


class AuditEntryView(TypedDict):
    """An audit entry: who did what, when and from where, with values before and after."""

    audit: int
    at: str
    by: str
    role: str
    entry_point: str
    address: str
    command: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    proposal: str | None


async def _list_entries(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    (before_id,) = list_query.after or (None,)
    rows = await context.conn.fetch(
        _LIST_AUDIT_ENTRIES, before_id, list_query.limit, *(list_query.filters.get(name) for name in FILTERS)
    )
    return [audit_entry_view(row) for row in rows]


def audit_entry_view(row: Any) -> AuditEntryView:
    """Return an audit entry as JSON. Pure."""
    before, after = (None if row[part] is None else orjson.loads(row[part]) for part in ("before", "after"))
    return {
        "audit": row["audit_id"],
        "at": row["at"].isoformat(),
        "by": row["by"],
        "role": row["role"],
        "entry_point": row["entry_point"],
        "address": row["address"],
        "command": row["command"],
        "subject": row["subject"],
        "before": before,
        "after": after,
        "proposal": row["proposal_id"],
    }


AUDIT = ListEndpoint(
    "audit",
    "/audit",
    "The audit log: who did what, when and from where, newest first",
    frozenset({"auditor"}),
    FILTERS,
    _list_entries,
    lambda row: (row["audit"],),
    (parse_number,),
    AuditEntryView,
)

AUDIT_CSV = CsvExport(AUDIT, tuple(AuditEntryView.__annotations__))
