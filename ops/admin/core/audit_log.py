"""The audit: who did what, when, from where; what was so before and after. Append-only, like the journal."""

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
    """Write what was done, in the transaction that did it; return the line's number."""
    before, after = (None if part is None else orjson.dumps(part).decode() for part in (result.before, result.after))
    who = actor.name, actor.role, actor.entry_point, actor.address
    return int(
        await conn.fetchval(_ADD_AUDIT_ENTRY, now, *who, command_name, result.subject, before, after, proposal_id)
    )
