"""Proposals: a command that one person proposes and another approves. Nobody decides their own.

    pending ──▶ approved ──▶ done        approved: kept for a while first, if the command says so
      │            ├───────▶ withdrawn
      ├──▶ done    └───────▶ failed      its result has changed, or it is refused meanwhile
      ├──▶ refused
      └──▶ withdrawn

An approval names the hash of all changes. The command then runs again and must give the same hash:
it makes the changes that were approved, or none.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import uuid4

import orjson
import rfc8785

from campaigns.errors import NotFound, printable
from campaigns.promise.diff import diff_objects
from campaigns.stored_refusals import decode_refusal
from ledger.errors import Refusal
from ops.admin.core.command import Command, CommandContext, CommandResult, JsonObject
from ops.admin.core.errors import ProposalRefused
from ops.i18n.changes import format_changes
from sql import Connection, query

REASON_CHARS_MAX = 500  # of the column

_ADD_PROPOSAL = query("add_proposal")
_ADD_PROPOSAL_STEP = query("add_proposal_step")
_FIND_PROPOSAL = query("find_proposal")
_LOCK_PROPOSAL = query("lock_proposal")
_READ_PROPOSAL_AGES = query("read_proposal_ages")


class ProposalState(StrEnum):
    """The state of a proposal."""

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
    """A proposed command with its newest step."""

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
    decision_reason: str | None  # a person's words; of a failed proposal a stored refusal
    at: datetime

    @property
    def due_at(self) -> datetime | None:
        """Return when the schedule executes it; None unless it is approved."""
        return self.at + self.hold if self.state is ProposalState.APPROVED else None

    @property
    def failure(self) -> Refusal | None:
        """Return why execution failed; None if it did not, and in rows of old releases."""
        is_failed = self.state is ProposalState.FAILED and self.decision_reason is not None
        return decode_refusal(self.decision_reason or "") if is_failed else None


class ProposalAges(NamedTuple):
    """Since when the oldest proposal is pending, and the oldest approved one is due."""

    pending_since: datetime | None
    due_since: datetime | None


async def read_ages(conn: Connection, now: datetime) -> ProposalAges:
    """Return since when people and the schedule have left something to do."""
    row = await conn.fetchrow(_READ_PROPOSAL_AGES, now)
    return ProposalAges(None, None) if row is None else ProposalAges(*row)


async def propose(
    context: CommandContext, command: Command[Any], subject_id: str, command_body: Any, result: CommandResult
) -> str:
    """Store a command for another person to decide, and return the proposal's id.

    Joins the transaction of the context.
    """
    proposal_id = f"prp_{uuid4().hex[:20]}"
    body = rfc8785.dumps(command_body.model_dump(mode="json", exclude_none=True)).decode()
    await context.conn.execute(
        _ADD_PROPOSAL,
        *(proposal_id, command.name, subject_id, body, result.subject, result.approval_reason, result.currency),
        *(_canonical_json(result.before), _canonical_json(result.after)),
        hash_proposal(command.name, subject_id, body, result),
        int(result.hold.total_seconds()),
        *(context.actor.name, context.actor.role, context.now),
    )
    await context.conn.execute(
        _ADD_PROPOSAL_STEP, proposal_id, 1, ProposalState.PENDING.value, context.actor.name, None, context.now
    )
    return proposal_id


def _canonical_json(value: JsonObject | None) -> str | None:
    """Return RFC 8785 JSON."""
    return None if value is None else rfc8785.dumps(dict(value)).decode()


def hash_proposal(command_name: str, subject_id: str, body: str, result: CommandResult) -> bytes:
    """Return the SHA-256 that an approval names: of the command, its body and every changed value.

    Pure.
    """
    changes = format_changes(diff_objects(result.before, result.after, result.currency))
    values = [[change["path"], change["before"], change["after"]] for change in changes]
    return sha256(rfc8785.dumps([command_name, subject_id, body, result.subject, values])).digest()


async def lock_proposal(conn: Connection, proposal_id: str) -> Proposal:
    """Return a proposal, locked until the caller's transaction ends. Raises NotFound."""
    await conn.execute(_LOCK_PROPOSAL, proposal_id)
    return await find_proposal(conn, proposal_id)


async def find_proposal(conn: Connection, proposal_id: str) -> Proposal:
    """Return a proposal. Raises NotFound if there is no proposal with that id."""
    row = await conn.fetchrow(_FIND_PROPOSAL, proposal_id)
    if row is None:
        raise NotFound("proposal_not_found", proposal=printable(proposal_id))
    return parse_proposal(row)


def parse_proposal(row: Any) -> Proposal:
    """Return a row as a proposal. Pure."""
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
    """Append a proposal's next step. Joins the caller's transaction.

    Raises ProposalRefused if its state does not allow the step, or if another step was faster.
    """
    if state not in _TRANSITIONS.get(proposal.state, ()):
        raise ProposalRefused("proposal_already_decided", proposal=proposal.proposal_id, state=proposal.state.value)
    number = await conn.fetchval(
        _ADD_PROPOSAL_STEP, proposal.proposal_id, proposal.number + 1, state.value, person, reason, now
    )
    if number is None:
        raise ProposalRefused("proposal_decided_concurrently", proposal=proposal.proposal_id)
