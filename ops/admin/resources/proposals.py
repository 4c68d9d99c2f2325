"""Proposals: their lists, and decisions by another person or, to withdraw, by the author."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from hmac import compare_digest
from typing import Annotated, Any

from pydantic import Field

from campaigns.errors import RequestRefused
from campaigns.stored_refusals import encode_refusal, refusal_object
from ledger.errors import LedgerError, Refusal
from ledger.person_names import is_same_person
from ops.admin.core import audit_log, proposals
from ops.admin.core.actor import SCHEDULER, Actor, Role
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
from ops.admin.resources.proposal_views import ProposalView, proposal_view
from sql import query

FindCommand = Callable[[str], Command[Any]]

EXECUTE = "proposal.execute"  # in the audit log: the schedule executed a proposal, or it failed

_DECIDERS: frozenset[Role] = frozenset({"campaigns", "finance", "reviewer"})
_LIST_DUE_PROPOSALS = query("list_due_proposals")
_LIST_PROPOSALS = query("list_proposals")


class Approval(CommandBody):
    """The hash that is approved."""

    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="as shown with the proposal or settlement")]


class DecisionReason(CommandBody):
    """The reason for a decision."""

    reason: ReasonText


async def _rerun(context: CommandContext, find_command: FindCommand, proposal: Proposal) -> CommandResult:
    """Re-run the proposed command as its author.

    Raises ProposalRefused if the result has changed.
    """
    command = find_command(proposal.command)
    author = Actor(proposal.asked_by, proposal.asked_role, context.actor.entry_point, context.actor.address)  # type: ignore[arg-type]
    approver = None if context.actor.is_operator else context.actor.name
    author_context = replace(context, actor=author, approver=approver)
    body = command.body_type.model_validate_json(proposal.body)
    result = await command.run(author_context, proposal.subject_id, body)
    if proposals.hash_proposal(command.name, proposal.subject_id, proposal.body.decode(), result) != proposal.hash:
        raise ProposalRefused("proposal_outcome_changed", proposal=proposal.proposal_id)
    await audit_log.add_entry(context.conn, author, command.name, result, context.now, proposal.proposal_id)
    return result


def decision_blocker(proposal: Proposal, actor: Actor) -> Refusal | None:
    """Return why this person cannot decide a proposal; None if they can. Pure."""
    if actor.is_operator:
        return ProposalRefused("approval_needs_personal_token")
    if is_same_person(actor.name, proposal.asked_by):
        return ProposalRefused("proposal_by_same_person", name=actor.name, proposal=proposal.proposal_id)
    if proposal.state is not ProposalState.PENDING:
        return ProposalRefused("proposal_already_decided", proposal=proposal.proposal_id, state=proposal.state.value)
    return None


async def _lock_decidable(context: CommandContext, find_command: FindCommand, proposal_id: str) -> Proposal:
    proposal = await proposals.lock_proposal(context.conn, proposal_id)
    blocker = decision_blocker(proposal, context.actor)
    if blocker is not None:
        raise blocker
    if not is_allowed(context.actor, find_command(proposal.command).approvers):
        raise Forbidden("decision_forbidden", role=context.actor.role, command=proposal.command)
    return proposal


async def _take_step(
    context: CommandContext, proposal: Proposal, state: ProposalState, text: str | None = None, **values: Any
) -> CommandResult:
    """Record a step, with the text of its reason, and return its result with `values`."""
    await proposals.record_step(context.conn, proposal, state, context.actor.name, context.now, text)
    subject, before = f"proposal/{proposal.proposal_id}", {"state": proposal.state.value}
    return CommandResult(subject, before, {"state": state.value, **values})


async def _approve(
    context: CommandContext, find_command: FindCommand, proposal_id: str, body: Approval
) -> CommandResult:
    proposal = await _lock_decidable(context, find_command, proposal_id)
    if not compare_digest(body.hash, proposal.hash.hex()):
        raise ProposalRefused("proposal_hash_mismatch", proposal=proposal_id)
    async with savepoint(context.conn) as trial:
        inner = await _rerun(context, find_command, proposal)
        trial.is_rolled_back = bool(proposal.hold)
    if proposal.hold:
        due_at = (context.now + proposal.hold).isoformat()
        return await _take_step(context, proposal, ProposalState.APPROVED, due_at=due_at)
    result = await _take_step(context, proposal, ProposalState.DONE)
    return replace(result, secret=inner.secret, details=inner.details, after_commit=inner.after_commit)


async def _refuse(
    context: CommandContext, find_command: FindCommand, proposal_id: str, body: DecisionReason
) -> CommandResult:
    proposal = await _lock_decidable(context, find_command, proposal_id)
    return await _take_step(context, proposal, ProposalState.REFUSED, body.reason, reason=body.reason)


async def _withdraw(
    context: CommandContext, find_command: FindCommand, proposal_id: str, body: DecisionReason
) -> CommandResult:
    """The author may withdraw; during the hold of an approved proposal its approvers may too."""
    proposal = await proposals.lock_proposal(context.conn, proposal_id)
    is_author = context.actor.name == proposal.asked_by and not context.actor.is_operator
    may_stop = proposal.state is ProposalState.APPROVED and is_allowed(
        context.actor, find_command(proposal.command).approvers
    )
    if not (is_author or may_stop):
        raise Forbidden("withdrawal_forbidden", proposal=proposal_id, name=proposal.asked_by)
    return await _take_step(context, proposal, ProposalState.WITHDRAWN, body.reason, reason=body.reason)


async def execute_due(services: CommandServices, find_command: FindCommand, now: datetime) -> int:
    """Execute approved proposals that are due; return how many ended. Safe to repeat."""
    async with services.pool.acquire() as conn:
        due = [row["proposal_id"] for row in await conn.fetch(_LIST_DUE_PROPOSALS, now)]
    ended_count = 0
    for proposal_id in due:
        async with services.pool.acquire() as conn, conn.transaction():
            context = services.build_context(conn, SCHEDULER, now)
            has_ended, after_commit = await _execute_proposal(context, find_command, proposal_id)
        ended_count += has_ended
        if after_commit is not None:
            await run_after_commit(services, EXECUTE, after_commit)
    return ended_count


async def _execute_proposal(
    context: CommandContext, find_command: FindCommand, proposal_id: str
) -> tuple[bool, AfterCommit | None]:
    """Execute a due proposal or record its failure; return whether it ended, and work to follow."""
    proposal, after_commit = await proposals.lock_proposal(context.conn, proposal_id), None
    if proposal.due_at is None or proposal.due_at > context.now:
        return False, None
    try:
        async with context.conn.transaction():
            after_commit = (await _rerun(context, find_command, proposal)).after_commit
    except (RequestRefused, LedgerError) as failure:
        reason = encode_refusal(failure, proposals.REASON_CHARS_MAX)
        stored = refusal_object(failure)
        result = await _take_step(context, proposal, ProposalState.FAILED, reason, failure=stored)
    else:
        result = await _take_step(context, proposal, ProposalState.DONE)
    await audit_log.add_entry(context.conn, context.actor, EXECUTE, result, context.now, proposal_id)
    return True, after_commit


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    at, proposal_id = list_query.after or (None, None)
    filters = (list_query.filters.get(name) for name in ("state", "subject", "asked_by"))
    rows = await context.conn.fetch(_LIST_PROPOSALS, at, proposal_id, list_query.limit, *filters)
    return [proposal_view(proposals.parse_proposal(row), shows_accounts=context.shows_accounts) for row in rows]


PROPOSALS = ListEndpoint(
    "proposals",
    "/proposals",
    "Commands that need or needed a second person, newest first",
    _DECIDERS | {"auditor"},
    {"state": choice_filter(ProposalState), "subject": TEXT, "asked_by": TEXT},
    _list,
    lambda row: (row["asked_at"], row["proposal"]),
    (parse_instant, parse_name),
    ProposalView,
)


async def read_proposal(context: CommandContext, proposal_id: str) -> ProposalView:
    """Return a proposal as JSON. Raises NotFound."""
    proposal = await proposals.find_proposal(context.conn, proposal_id)
    return proposal_view(proposal, shows_accounts=context.shows_accounts)


PROPOSAL = DetailEndpoint(
    "/proposals/{proposal}", "A proposal, with the hash to approve", PROPOSALS.roles, read_proposal, ProposalView
)


def decision_commands(find_command: FindCommand) -> tuple[Command[Any], ...]:
    """Return the commands that decide a proposal; `find_command` resolves the proposed command."""
    path = "/proposals/{proposal}"
    return (
        Command(
            "proposal.approve",
            f"{path}/approve",
            "Approve another person's proposal by the hash of all its changes",
            _DECIDERS,
            Approval,
            lambda context, proposal_id, body: _approve(context, find_command, proposal_id, body),
            example={"hash": "0" * 64},
        ),
        Command(
            "proposal.refuse",
            f"{path}/refuse",
            "Refuse another person's proposal",
            _DECIDERS,
            DecisionReason,
            lambda context, proposal_id, body: _refuse(context, find_command, proposal_id, body),
            example={"reason": "the rate was not agreed"},
        ),
        Command(
            "proposal.withdraw",
            f"{path}/withdraw",
            "Withdraw your own proposal, or stop an approved one before it takes effect",
            _DECIDERS,
            DecisionReason,
            lambda context, proposal_id, body: _withdraw(context, find_command, proposal_id, body),
            example={"reason": "proposed by mistake"},
        ),
    )
