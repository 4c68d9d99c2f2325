"""The audit as people read it: newest first, by who, what, when, and words that stand in it; as a table too."""

from collections.abc import Mapping
from typing import Any

import orjson
from typing_extensions import TypedDict

from campaigns.refusals import Fault, Faulty
from ops.admin.command import Desk
from ops.admin.listing import Listing, Query, moment, text
from ops.admin.table import Table
from sql import query

_LIST_AUDIT = query("list_audit")
FILTERS = {
    "by": text,
    "command": text,
    "subject": text,
    "since": moment,
    "until": moment,
    "under": text,  # the subject begins with it: campaign/
    "proposal": text,
    "says": text,  # stands in the subject, before or after; in whatever case
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
    before_id = _behind(asked)
    rows = await desk.conn.fetch(_LIST_AUDIT, before_id, asked.limit, *(asked.filters.get(name) for name in FILTERS))
    return [shown(row) for row in rows]


def _behind(asked: Query) -> int | None:
    if asked.after is None:
        return None
    try:
        (number,) = asked.after
        return int(number)
    except (TypeError, ValueError):
        raise Faulty([Fault("cursor", "it is no cursor of this list")]) from None


def shown(row: Any) -> ShownAudit:
    """Return a line as it is shown."""
    before, after = (None if row[part] is None else orjson.loads(row[part]) for part in ("before", "after"))
    return {
        "audit": row["audit_id"],
        "at": row["at"].isoformat(),
        "by": row["by"],
        "role": row["role"],
        "door": row["door"],
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
    ShownAudit,
)

TABLE = Table(AUDIT, tuple(ShownAudit.__annotations__))
