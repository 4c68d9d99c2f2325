"""Decisions about proposals: another person approves or refuses; whoever asked may withdraw."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from hmac import compare_digest
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.errors import NotFound, Refused
from campaigns.promise.diff import Difference, changes
from ledger.errors import LedgerError
from ops.admin.core import audit_log, proposals
from ops.admin.core.actor import BY_SCHEDULE, Actor
from ops.admin.core.command import Asked, Command, Desk, Done, Office, Then, Why, may
from ops.admin.core.errors import Forbidden, ProposalRefused
from ops.admin.core.execute import afterwards
from ops.admin.core.pagination import TEXT, Listing, Query, Reading, moment, name, one_of
from ops.admin.core.proposals import Proposal, State
from ops.admin.core.savepoint import undoable
from sql import query

Find = Callable[[str], Command[Any]]

_LIST_DUE_PROPOSALS = query("list_due_proposals")
_LIST_PROPOSALS = query("list_proposals")
_FIND_PROPOSAL = query("find_proposal")
_CHANGED = "what it would do is another thing by now: look at it again, withdraw it and ask anew"


class Approval(Asked):
    """What is approved."""

    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="as the proposal shows it")]


class Reason(Asked):
    """Why."""

    reason: Why


async def _inner(desk: Desk, find: Find, proposal: Proposal) -> Done:
    """Run what was proposed, as whoever asked for it. ProposalRefused: it would do another thing by now."""
    command = find(proposal.command)
    asker = Actor(proposal.asked_by, proposal.asked_role, desk.actor.door, desk.actor.address)  # type: ignore[arg-type]
    own = Desk(desk.conn, asker, desk.keys, desk.settings, desk.now)
    done = await command.run(own, proposal.place, command.asked.model_validate_json(proposal.body))
    if proposals.hash_of(command.name, proposal.place, proposal.body.decode(), done) != proposal.hash:
        raise ProposalRefused(f"{proposal.proposal_id}: {_CHANGED}")
    await audit_log.write(desk.conn, asker, command.name, done, desk.now, proposal.proposal_id)
    return done


def why_not(proposal: Proposal, actor: Actor) -> str | None:
    """Return why this person cannot decide about it; None: they can. Pure."""
    if actor.is_operator:
        return "a second person has to agree, with a token of their own"
    if actor.name == proposal.asked_by:
        return f"{actor.name} asked for {proposal.proposal_id}: another person has to decide about it"
    if proposal.state is not State.WAITS:
        return f"{proposal.proposal_id} is {proposal.state.value} already"
    return None


async def _decidable(desk: Desk, find: Find, proposal_id: str) -> Proposal:
    proposal = await proposals.locked(desk.conn, proposal_id)
    refused = why_not(proposal, desk.actor)
    if refused:
        raise ProposalRefused(refused)
    if not may(desk.actor, find(proposal.command).approvers):
        raise Forbidden(f"a {desk.actor.role} cannot decide about {proposal.command}")
    return proposal


def _moved(proposal: Proposal, state: State, **more: Any) -> Done:
    before = {"state": proposal.state.value}
    return Done(f"proposal/{proposal.proposal_id}", before, {"state": state.value, **more})


async def _approve(desk: Desk, find: Find, proposal_id: str, asked: Approval) -> Done:
    proposal = await _decidable(desk, find, proposal_id)
    if not compare_digest(asked.hash, proposal.hash.hex()):
        raise ProposalRefused(f"{proposal_id}: that is not its hash; look at what it would change again")
    async with undoable(desk.conn) as trial:
        inner = await _inner(desk, find, proposal)
        trial.is_undone = bool(proposal.hold)
    if proposal.hold:
        await proposals.step(desk.conn, proposal, State.APPROVED, desk.actor.name, desk.now)
        return _moved(proposal, State.APPROVED, due_at=(desk.now + proposal.hold).isoformat())
    await proposals.step(desk.conn, proposal, State.DONE, desk.actor.name, desk.now)
    done = _moved(proposal, State.DONE)
    return replace(done, secret=inner.secret, besides=inner.besides, then=inner.then)


async def _refuse(desk: Desk, find: Find, proposal_id: str, asked: Reason) -> Done:
    proposal = await _decidable(desk, find, proposal_id)
    await proposals.step(desk.conn, proposal, State.REFUSED, desk.actor.name, desk.now, asked.reason)
    return _moved(proposal, State.REFUSED, reason=asked.reason)


async def _withdraw(desk: Desk, find: Find, proposal_id: str, asked: Reason) -> Done:
    """Whoever asked may; while an approved one is held, whoever could refuse it may too."""
    proposal = await proposals.locked(desk.conn, proposal_id)
    is_own = desk.actor.name == proposal.asked_by and not desk.actor.is_operator
    is_held = proposal.state is State.APPROVED and may(desk.actor, find(proposal.command).approvers)
    if not (is_own or is_held):
        raise Forbidden(f"{proposal_id} is {proposal.asked_by}'s to withdraw")
    await proposals.step(desk.conn, proposal, State.WITHDRAWN, desk.actor.name, desk.now, asked.reason)
    return _moved(proposal, State.WITHDRAWN, reason=asked.reason)


async def do_due(office: Office, find: Find, now: datetime) -> int:
    """Do what was approved and whose hold is over; return how many proposals came to an end. Safe to repeat."""
    async with office.pool.acquire() as conn:
        due = [row["proposal_id"] for row in await conn.fetch(_LIST_DUE_PROPOSALS, now)]
    ended = 0
    for proposal_id in due:
        async with office.pool.acquire() as conn, conn.transaction():
            desk = Desk(conn, BY_SCHEDULE, office.keys, office.settings, now)
            is_ended, then = await _do_one(desk, find, proposal_id)
        ended += is_ended
        if then is not None:
            await afterwards(office, "proposal.do", then)
    return ended


async def _do_one(desk: Desk, find: Find, proposal_id: str) -> tuple[bool, Then | None]:
    then: Then | None = None
    proposal = await proposals.locked(desk.conn, proposal_id)
    if proposal.due_at is None or proposal.due_at > desk.now:
        return False, None
    try:
        async with desk.conn.transaction():
            then = (await _inner(desk, find, proposal)).then
    except (Refused, LedgerError) as refused:
        reason = str(refused)[:500]
        await proposals.step(desk.conn, proposal, State.FAILED, desk.actor.name, desk.now, reason)
        done = _moved(proposal, State.FAILED, reason=reason)
    else:
        await proposals.step(desk.conn, proposal, State.DONE, desk.actor.name, desk.now)
        done = _moved(proposal, State.DONE)
    await audit_log.write(desk.conn, desk.actor, "proposal.do", done, desk.now, proposal_id)
    return True, then


class ShownProposal(TypedDict):
    """A proposal: what would change, who asked, and where it is."""

    proposal: str
    command: str
    subject: str
    reason: str
    state: str
    asked_by: str
    asked_role: str
    asked_at: str
    decided_by: str | None
    decided_at: str | None
    said: str | None
    due_at: str | None
    hash: str
    differences: list[Difference]


def shown(proposal: Proposal) -> ShownProposal:
    """Return what both people see."""
    is_decided = proposal.state is not State.WAITS
    differ = changes(proposal.before, proposal.after, proposal.currency)
    return {
        "proposal": proposal.proposal_id,
        "command": proposal.command,
        "subject": proposal.subject,
        "reason": proposal.reason,
        "state": proposal.state.value,
        "asked_by": proposal.asked_by,
        "asked_role": proposal.asked_role,
        "asked_at": proposal.asked_at.isoformat(),
        "decided_by": proposal.by if is_decided else None,
        "decided_at": proposal.at.isoformat() if is_decided else None,
        "said": proposal.said,
        "due_at": proposal.due_at.isoformat() if proposal.due_at else None,
        "hash": proposal.hash.hex(),
        "differences": [{"path": c.path, "before": c.before, "after": c.after} for c in differ],
    }


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    at, proposal_id = asked.after or (None, None)
    wanted = (asked.filters.get(each) for each in ("state", "subject", "asked_by"))
    rows = await desk.conn.fetch(_LIST_PROPOSALS, at, proposal_id, asked.limit, *wanted)
    return [shown(proposals.read(row)) for row in rows]


PROPOSALS = Listing(
    "proposals",
    "/proposals",
    "What waits for a second person, or did",
    frozenset({"campaigns", "finance", "reviewer", "auditor"}),
    {"state": one_of(State), "subject": TEXT, "asked_by": TEXT},
    _list,
    lambda row: (row["asked_at"], row["proposal"]),
    (moment, name),
    ShownProposal,
)


async def look(desk: Desk, proposal_id: str) -> ShownProposal:
    """Return a proposal as both people see it. NotFound: there is none."""
    row = await desk.conn.fetchrow(_FIND_PROPOSAL, proposal_id)
    if row is None:
        raise NotFound(f"there is no proposal {proposal_id!r}")
    return shown(proposals.read(row))


PROPOSAL = Reading(
    "/proposals/{proposal}", "One proposal, with the hash to approve", PROPOSALS.roles, look, ShownProposal
)


def commands(find: Find) -> tuple[Command[Any], ...]:
    """Return the decisions; `find` finds the command that a proposal names."""
    anybody = frozenset({"campaigns", "finance", "reviewer"})
    place = "/proposals/{proposal}"
    return (
        Command(
            "proposal.approve",
            f"{place}/approve",
            "Agree to what another person asked for, by the hash of all that it changes",
            anybody,  # type: ignore[arg-type]
            Approval,
            lambda desk, of, asked: _approve(desk, find, of, asked),
            example={"hash": "0" * 64},
        ),
        Command(
            "proposal.refuse",
            f"{place}/refuse",
            "Refuse what another person asked for",
            anybody,  # type: ignore[arg-type]
            Reason,
            lambda desk, of, asked: _refuse(desk, find, of, asked),
            example={"reason": "the rate was not agreed"},
        ),
        Command(
            "proposal.withdraw",
            f"{place}/withdraw",
            "Take back what one asked for oneself, or stop what is approved and held",
            anybody,  # type: ignore[arg-type]
            Reason,
            lambda desk, of, asked: _withdraw(desk, find, of, asked),
            example={"reason": "asked for by mistake"},
        ),
    )
