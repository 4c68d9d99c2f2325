"""The audit log: who did what, when and from where, with values before and after; append-only."""

from datetime import datetime

import orjson

from ops.admin.core.actor import Actor
from ops.admin.core.command import CommandResult
from sql import Connection, query

_ADD_AUDIT_ENTRY = query("add_audit_entry")


async def add_entry(
    conn: Connection,
    actor: Actor,
    command_name: str,
    result: CommandResult,
    now: datetime,
    proposal_id: str | None = None,
) -> int:
    """Append an audit entry and return its number. Joins the transaction that made the change."""
    before, after = (None if part is None else orjson.dumps(part).decode() for part in (result.before, result.after))
    person = actor.name, actor.role, actor.entry_point, actor.address
    return int(
        await conn.fetchval(_ADD_AUDIT_ENTRY, now, *person, command_name, result.subject, before, after, proposal_id)
    )
