"""The audit: who did what, when, from where; what was so before and after. Append-only, like the journal."""

from datetime import datetime

import orjson

from ops.admin.core.actor import Actor
from ops.admin.core.command import Done
from sql import Connection, query

_ADD_AUDIT_ENTRY = query("add_audit_entry")


async def write(
    conn: Connection, actor: Actor, command: str, done: Done, now: datetime, proposal_id: str | None = None
) -> int:
    """Write what was done, in the transaction that did it; return the line's number."""
    before, after = (None if part is None else orjson.dumps(part).decode() for part in (done.before, done.after))
    who = actor.name, actor.role, actor.door, actor.address
    return int(await conn.fetchval(_ADD_AUDIT_ENTRY, now, *who, command, done.subject, before, after, proposal_id))
