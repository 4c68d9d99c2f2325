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
from campaigns.promise.diff import changes
from ops.admin.core.command import Command, Desk, Done, Shown
from ops.admin.core.errors import ProposalRefused
from sql import Connection, query

_ADD_PROPOSAL = query("add_proposal")
_ADD_PROPOSAL_STEP = query("add_proposal_step")
_FIND_PROPOSAL = query("find_proposal")
_LOCK_PROPOSAL = query("lock_proposal")
_READ_PROPOSAL_AGES = query("read_proposal_ages")


class State(StrEnum):
    """Where a proposal is."""

    WAITS = "pending"
    APPROVED = "approved"
    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


_NEXT = {
    State.WAITS: {State.APPROVED, State.DONE, State.REFUSED, State.WITHDRAWN},
    State.APPROVED: {State.DONE, State.WITHDRAWN, State.FAILED},
}


class Proposal(NamedTuple):
    """What was asked for, and where it is."""

    proposal_id: str
    command: str
    place: str
    body: bytes
    subject: str
    reason: str
    currency: str
    before: Shown | None
    after: Shown | None
    hash: bytes
    hold: timedelta
    asked_by: str
    asked_role: str
    asked_at: datetime
    number: int
    state: State
    by: str
    said: str | None
    at: datetime

    @property
    def due_at(self) -> datetime | None:
        """When it is done by itself; None: it waits for no time."""
        return self.at + self.hold if self.state is State.APPROVED else None


class Watch(NamedTuple):
    """Since when the oldest proposal waits for a second person, and the oldest approved one could have been done."""

    waiting_since: datetime | None
    due_since: datetime | None


async def watch(conn: Connection, now: datetime) -> Watch:
    """Return how long people and the schedule have left something waiting."""
    row = await conn.fetchrow(_READ_PROPOSAL_AGES, now)
    return Watch(None, None) if row is None else Watch(*row)


async def propose(desk: Desk, command: Command[Any], place: str, asked: Any, done: Done) -> str:
    """Keep what was asked for until another person decides, in the desk's transaction; return its id."""
    proposal_id = f"prp_{uuid4().hex[:20]}"
    body = rfc8785.dumps(asked.model_dump(mode="json", exclude_none=True)).decode()
    before, after = (
        None if part is None else rfc8785.dumps(dict(part)).decode() for part in (done.before, done.after)
    )
    who = desk.actor.name, desk.actor.role, desk.now
    told = proposal_id, command.name, place, body, done.subject, done.second, done.currency, before, after
    hold = int(done.hold.total_seconds())
    await desk.conn.execute(_ADD_PROPOSAL, *told, hash_of(command.name, place, body, done), hold, *who)
    await desk.conn.execute(_ADD_PROPOSAL_STEP, proposal_id, 1, State.WAITS.value, desk.actor.name, None, desk.now)
    return proposal_id


def hash_of(command: str, place: str, body: str, done: Done) -> bytes:
    """Return what an approval names: the command, all that it was asked, and every value that would change. Pure."""
    differ = [list(change) for change in changes(done.before, done.after, done.currency)]
    return sha256(rfc8785.dumps([command, place, body, done.subject, differ])).digest()


async def locked(conn: Connection, proposal_id: str) -> Proposal:
    """Return a proposal, locked until the caller's transaction ends. NotFound: there is none."""
    await conn.execute(_LOCK_PROPOSAL, proposal_id)
    row = await conn.fetchrow(_FIND_PROPOSAL, proposal_id)
    if row is None:
        raise NotFound(f"there is no proposal {proposal_id!r}")
    return read(row)


def read(row: Any) -> Proposal:
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
        State(row["state"]),
        row["by"],
        row["decision_reason"],
        row["at"],
    )


async def step(
    conn: Connection, proposal: Proposal, state: State, by: str, now: datetime, reason: str | None = None
) -> None:
    """Take a proposal's next step, in the caller's transaction. ProposalRefused: it is not where that can be."""
    if state not in _NEXT.get(proposal.state, ()):
        raise ProposalRefused(f"{proposal.proposal_id} is {proposal.state.value} already")
    taken = await conn.fetchval(
        _ADD_PROPOSAL_STEP, proposal.proposal_id, proposal.number + 1, state.value, by, reason, now
    )
    if taken is None:
        raise ProposalRefused(f"another decided about {proposal.proposal_id} at this moment")
