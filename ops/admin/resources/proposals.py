"""Decisions about proposals: another person approves or refuses; whoever asked may withdraw."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from hmac import compare_digest
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.errors import NotFound, RequestRefused
from campaigns.promise.diff import diff_objects
from ledger.errors import LedgerError
from ops.admin.core import audit_log, proposals
from ops.admin.core.actor import SCHEDULER, Actor
from ops.admin.core.command import (
    AfterCommit,
    Command,
    CommandBody,
    CommandContext,
    CommandResult,
    CommandServices,
    ReasonText,
    is_allowed,
)
from ops.admin.core.errors import Forbidden, ProposalRefused
from ops.admin.core.execute import run_after_commit
from ops.admin.core.pagination import (
    TEXT,
    DetailEndpoint,
    ListEndpoint,
    ListQuery,
    choice_filter,
    parse_instant,
    parse_name,
)
from ops.admin.core.proposals import Proposal, ProposalState
from ops.admin.core.savepoint import savepoint
from ops.i18n.changes import Difference, format_changes
from sql import query

FindCommand = Callable[[str], Command[Any]]

_LIST_DUE_PROPOSALS = query("list_due_proposals")
_LIST_PROPOSALS = query("list_proposals")
_FIND_PROPOSAL = query("find_proposal")
_OUTCOME_CHANGED = "what it would do is another thing by now: look at it again, withdraw it and ask anew"


class Approval(CommandBody):
    """What is approved."""

    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="as the proposal shows it")]


class DecisionReason(CommandBody):
    """Why."""

    reason: ReasonText


async def _rerun(context: CommandContext, find_command: FindCommand, proposal: Proposal) -> CommandResult:
    """Run what was proposed, as whoever asked for it. ProposalRefused: it would do another thing by now."""
    command = find_command(proposal.command)
    asker = Actor(proposal.asked_by, proposal.asked_role, context.actor.entry_point, context.actor.address)  # type: ignore[arg-type]
    own = CommandContext(context.conn, asker, context.keys, context.settings, context.now)
    done = await command.run(own, proposal.subject_id, command.body_type.model_validate_json(proposal.body))
    if proposals.hash_proposal(command.name, proposal.subject_id, proposal.body.decode(), done) != proposal.hash:
        raise ProposalRefused(f"{proposal.proposal_id}: {_OUTCOME_CHANGED}")
    await audit_log.add_entry(context.conn, asker, command.name, done, context.now, proposal.proposal_id)
    return done


def decision_blocker(proposal: Proposal, actor: Actor) -> str | None:
    """Return why this person cannot decide about it; None: they can. Pure."""
    if actor.is_operator:
        return "a second person has to agree, with a token of their own"
    if actor.name == proposal.asked_by:
        return f"{actor.name} asked for {proposal.proposal_id}: another person has to decide about it"
    if proposal.state is not ProposalState.PENDING:
        return f"{proposal.proposal_id} is {proposal.state.value} already"
    return None


async def _lock_decidable(context: CommandContext, find_command: FindCommand, proposal_id: str) -> Proposal:
    proposal = await proposals.lock_proposal(context.conn, proposal_id)
    refused = decision_blocker(proposal, context.actor)
    if refused:
        raise ProposalRefused(refused)
    if not is_allowed(context.actor, find_command(proposal.command).approvers):
        raise Forbidden(f"a {context.actor.role} cannot decide about {proposal.command}")
    return proposal


def _step_result(proposal: Proposal, state: ProposalState, **values: Any) -> CommandResult:
    before = {"state": proposal.state.value}
    return CommandResult(f"proposal/{proposal.proposal_id}", before, {"state": state.value, **values})


async def _approve(
    context: CommandContext, find_command: FindCommand, proposal_id: str, body: Approval
) -> CommandResult:
    proposal = await _lock_decidable(context, find_command, proposal_id)
    if not compare_digest(body.hash, proposal.hash.hex()):
        raise ProposalRefused(f"{proposal_id}: that is not its hash; look at what it would change again")
    async with savepoint(context.conn) as trial:
        inner = await _rerun(context, find_command, proposal)
        trial.is_rolled_back = bool(proposal.hold)
    if proposal.hold:
        await proposals.record_step(context.conn, proposal, ProposalState.APPROVED, context.actor.name, context.now)
        return _step_result(proposal, ProposalState.APPROVED, due_at=(context.now + proposal.hold).isoformat())
    await proposals.record_step(context.conn, proposal, ProposalState.DONE, context.actor.name, context.now)
    done = _step_result(proposal, ProposalState.DONE)
    return replace(done, secret=inner.secret, details=inner.details, after_commit=inner.after_commit)


async def _refuse(
    context: CommandContext, find_command: FindCommand, proposal_id: str, body: DecisionReason
) -> CommandResult:
    proposal = await _lock_decidable(context, find_command, proposal_id)
    await proposals.record_step(
        context.conn, proposal, ProposalState.REFUSED, context.actor.name, context.now, body.reason
    )
    return _step_result(proposal, ProposalState.REFUSED, reason=body.reason)


async def _withdraw(
    context: CommandContext, find_command: FindCommand, proposal_id: str, body: DecisionReason
) -> CommandResult:
    """Whoever asked may; while an approved one is held, whoever could refuse it may too."""
    proposal = await proposals.lock_proposal(context.conn, proposal_id)
    is_own = context.actor.name == proposal.asked_by and not context.actor.is_operator
    is_held = proposal.state is ProposalState.APPROVED and is_allowed(
        context.actor, find_command(proposal.command).approvers
    )
    if not (is_own or is_held):
        raise Forbidden(f"{proposal_id} is {proposal.asked_by}'s to withdraw")
    await proposals.record_step(
        context.conn, proposal, ProposalState.WITHDRAWN, context.actor.name, context.now, body.reason
    )
    return _step_result(proposal, ProposalState.WITHDRAWN, reason=body.reason)


async def execute_due(services: CommandServices, find_command: FindCommand, now: datetime) -> int:
    """Do what was approved and whose hold is over; return how many proposals came to an end. Safe to repeat."""
    async with services.pool.acquire() as conn:
        due = [row["proposal_id"] for row in await conn.fetch(_LIST_DUE_PROPOSALS, now)]
    ended = 0
    for proposal_id in due:
        async with services.pool.acquire() as conn, conn.transaction():
            desk = CommandContext(conn, SCHEDULER, services.keys, services.settings, now)
            is_ended, then = await _execute_proposal(desk, find_command, proposal_id)
        ended += is_ended
        if then is not None:
            await run_after_commit(services, "proposal.do", then)
    return ended


async def _execute_proposal(
    context: CommandContext, find_command: FindCommand, proposal_id: str
) -> tuple[bool, AfterCommit | None]:
    then: AfterCommit | None = None
    proposal = await proposals.lock_proposal(context.conn, proposal_id)
    if proposal.due_at is None or proposal.due_at > context.now:
        return False, None
    try:
        async with context.conn.transaction():
            then = (await _rerun(context, find_command, proposal)).after_commit
    except (RequestRefused, LedgerError) as refused:
        reason = str(refused)[:500]
        await proposals.record_step(
            context.conn, proposal, ProposalState.FAILED, context.actor.name, context.now, reason
        )
        done = _step_result(proposal, ProposalState.FAILED, reason=reason)
    else:
        await proposals.record_step(context.conn, proposal, ProposalState.DONE, context.actor.name, context.now)
        done = _step_result(proposal, ProposalState.DONE)
    await audit_log.add_entry(context.conn, context.actor, "proposal.do", done, context.now, proposal_id)
    return True, then


class ProposalView(TypedDict):
    """A proposal: what would change, who asked, and where it is."""

    proposal: str
    command: str
    subject: str
    approval_reason: str
    state: str
    asked_by: str
    asked_role: str
    asked_at: str
    decided_by: str | None
    decided_at: str | None
    decision_reason: str | None
    due_at: str | None
    hash: str
    differences: list[Difference]


def proposal_view(proposal: Proposal) -> ProposalView:
    """Return what both people see."""
    is_decided = proposal.state is not ProposalState.PENDING
    changes = diff_objects(proposal.before, proposal.after, proposal.currency)
    return {
        "proposal": proposal.proposal_id,
        "command": proposal.command,
        "subject": proposal.subject,
        "approval_reason": proposal.approval_reason,
        "state": proposal.state.value,
        "asked_by": proposal.asked_by,
        "asked_role": proposal.asked_role,
        "asked_at": proposal.asked_at.isoformat(),
        "decided_by": proposal.by if is_decided else None,
        "decided_at": proposal.at.isoformat() if is_decided else None,
        "decision_reason": proposal.decision_reason,
        "due_at": proposal.due_at.isoformat() if proposal.due_at else None,
        "hash": proposal.hash.hex(),
        "differences": format_changes(changes),
    }


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    at, proposal_id = list_query.after or (None, None)
    wanted = (list_query.filters.get(each) for each in ("state", "subject", "asked_by"))
    rows = await context.conn.fetch(_LIST_PROPOSALS, at, proposal_id, list_query.limit, *wanted)
    return [proposal_view(proposals.parse_proposal(row)) for row in rows]


PROPOSALS = ListEndpoint(
    "proposals",
    "/proposals",
    "What waits for a second person, or did",
    frozenset({"campaigns", "finance", "reviewer", "auditor"}),
    {"state": choice_filter(ProposalState), "subject": TEXT, "asked_by": TEXT},
    _list,
    lambda row: (row["asked_at"], row["proposal"]),
    (parse_instant, parse_name),
    ProposalView,
)


async def read_proposal(context: CommandContext, proposal_id: str) -> ProposalView:
    """Return a proposal as both people see it. NotFound: there is none."""
    row = await context.conn.fetchrow(_FIND_PROPOSAL, proposal_id)
    if row is None:
        raise NotFound(f"there is no proposal {proposal_id!r}")
    return proposal_view(proposals.parse_proposal(row))


PROPOSAL = DetailEndpoint(
    "/proposals/{proposal}", "One proposal, with the hash to approve", PROPOSALS.roles, read_proposal, ProposalView
)


def decision_commands(find_command: FindCommand) -> tuple[Command[Any], ...]:
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
            lambda desk, of, asked: _approve(desk, find_command, of, asked),
            example={"hash": "0" * 64},
        ),
        Command(
            "proposal.refuse",
            f"{place}/refuse",
            "Refuse what another person asked for",
            anybody,  # type: ignore[arg-type]
            DecisionReason,
            lambda desk, of, asked: _refuse(desk, find_command, of, asked),
            example={"reason": "the rate was not agreed"},
        ),
        Command(
            "proposal.withdraw",
            f"{place}/withdraw",
            "Take back what one asked for oneself, or stop what is approved and held",
            anybody,  # type: ignore[arg-type]
            DecisionReason,
            lambda desk, of, asked: _withdraw(desk, find_command, of, asked),
            example={"reason": "asked for by mistake"},
        ),
    )
