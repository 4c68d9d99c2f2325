"""Proposals: what one person asked for and another has to agree to. Nobody decides their own.

    waits ──▶ approved ──▶ done        approved: held for a while first, where the command says so
      │          ├───────▶ withdrawn
      ├──▶ done  └───────▶ failed      what it would do is another thing by now, or cannot be done any more
      ├──▶ refused
      └──▶ withdrawn

An approval names the hash of all that would change. The command is run again then, and does what was approved or
nothing: had something else changed what it would do, the hash would be another.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import uuid4

import orjson
import rfc8785

from campaigns.errors import NotFound
from campaigns.promise.diff import diff_objects
from ops.admin.core.command import Command, CommandContext, CommandResult, JsonObject
from ops.admin.core.errors import ProposalRefused
from ops.i18n.changes import format_changes
from sql import Connection, query

_ADD_PROPOSAL = query("add_proposal")
_ADD_PROPOSAL_STEP = query("add_proposal_step")
_FIND_PROPOSAL = query("find_proposal")
_LOCK_PROPOSAL = query("lock_proposal")
_READ_PROPOSAL_AGES = query("read_proposal_ages")


class ProposalState(StrEnum):
    """Where a proposal is."""

    PENDING = "pending"
    APPROVED = "approved"
    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


_TRANSITIONS = {
    ProposalState.PENDING: {
        ProposalState.APPROVED,
        ProposalState.DONE,
        ProposalState.REFUSED,
        ProposalState.WITHDRAWN,
    },
    ProposalState.APPROVED: {ProposalState.DONE, ProposalState.WITHDRAWN, ProposalState.FAILED},
}


class Proposal(NamedTuple):
    """What was asked for, and where it is."""

    proposal_id: str
    command: str
    subject_id: str
    body: bytes
    subject: str
    approval_reason: str
    currency: str
    before: JsonObject | None
    after: JsonObject | None
    hash: bytes
    hold: timedelta
    asked_by: str
    asked_role: str
    asked_at: datetime
    number: int
    state: ProposalState
    by: str
    decision_reason: str | None
    at: datetime

    @property
    def due_at(self) -> datetime | None:
        """When it is done by itself; None: it waits for no time."""
        return self.at + self.hold if self.state is ProposalState.APPROVED else None


class ProposalAges(NamedTuple):
    """Since when the oldest proposal waits for a second person, and the oldest approved one could have been done."""

    pending_since: datetime | None
    due_since: datetime | None


async def read_ages(conn: Connection, now: datetime) -> ProposalAges:
    """Return how long people and the schedule have left something waiting."""
    row = await conn.fetchrow(_READ_PROPOSAL_AGES, now)
    return ProposalAges(None, None) if row is None else ProposalAges(*row)


async def propose(
    context: CommandContext, command: Command[Any], subject_id: str, command_body: Any, result: CommandResult
) -> str:
    """Keep what was asked for until another person decides, in the desk's transaction; return its id."""
    proposal_id = f"prp_{uuid4().hex[:20]}"
    body = rfc8785.dumps(command_body.model_dump(mode="json", exclude_none=True)).decode()
    before, after = (
        None if part is None else rfc8785.dumps(dict(part)).decode() for part in (result.before, result.after)
    )
    who = context.actor.name, context.actor.role, context.now
    told = (
        proposal_id,
        command.name,
        subject_id,
        body,
        result.subject,
        result.approval_reason,
        result.currency,
        before,
        after,
    )
    hold = int(result.hold.total_seconds())
    await context.conn.execute(
        _ADD_PROPOSAL, *told, hash_proposal(command.name, subject_id, body, result), hold, *who
    )
    await context.conn.execute(
        _ADD_PROPOSAL_STEP, proposal_id, 1, ProposalState.PENDING.value, context.actor.name, None, context.now
    )
    return proposal_id


def hash_proposal(command_name: str, subject_id: str, body: str, result: CommandResult) -> bytes:
    """Return what an approval names: the command, all that it was asked, and every value that would change. Pure."""
    changes = format_changes(diff_objects(result.before, result.after, result.currency))
    values = [[change["path"], change["before"], change["after"]] for change in changes]
    return sha256(rfc8785.dumps([command_name, subject_id, body, result.subject, values])).digest()


async def lock_proposal(conn: Connection, proposal_id: str) -> Proposal:
    """Return a proposal, locked until the caller's transaction ends. NotFound: there is none."""
    await conn.execute(_LOCK_PROPOSAL, proposal_id)
    row = await conn.fetchrow(_FIND_PROPOSAL, proposal_id)
    if row is None:
        raise NotFound(f"there is no proposal {proposal_id!r}")
    return parse_proposal(row)


def parse_proposal(row: Any) -> Proposal:
    """Return a row as a proposal."""
    before, after = (None if row[part] is None else orjson.loads(row[part]) for part in ("before", "after"))
    return Proposal(
        row["proposal_id"],
        row["command"],
        row["subject_id"],
        row["body"].encode(),
        row["subject"],
        row["reason"],
        row["currency"],
        before,
        after,
        row["hash"],
        timedelta(seconds=row["hold_seconds"]),
        row["asked_by"],
        row["asked_role"],
        row["asked_at"],
        row["number"],
        ProposalState(row["state"]),
        row["by"],
        row["decision_reason"],
        row["at"],
    )


async def record_step(
    conn: Connection, proposal: Proposal, state: ProposalState, person: str, now: datetime, reason: str | None = None
) -> None:
    """Take a proposal's next step, in the caller's transaction. ProposalRefused: it is not where that can be."""
    if state not in _TRANSITIONS.get(proposal.state, ()):
        raise ProposalRefused(f"{proposal.proposal_id} is {proposal.state.value} already")
    taken = await conn.fetchval(
        _ADD_PROPOSAL_STEP, proposal.proposal_id, proposal.number + 1, state.value, person, reason, now
    )
    if taken is None:
        raise ProposalRefused(f"another decided about {proposal.proposal_id} at this moment")
