"""The desk: the one place where a command is done, whichever door it came in by.

    may they?  →  the same key before?  →  run  →  a second person needed?  →  audit  →  keep the answer  ┃  then
                                                    └── roll back to before it ran, keep the proposal     ┃

Everything is one transaction; a dry run goes the same way and is rolled back at the end. What a command has to say to
others it says after the commit, never in a dry run and never for a key that was answered before: what was kept tells
that it is to be said, so that the same command, given anew, takes up what a crash left undone.
"""

from typing import Any, Literal, NotRequired

import orjson
import structlog
from typing_extensions import TypedDict

from campaigns.promise.diff import diff_objects
from ops.admin.core import audit_log, idempotency, proposals
from ops.admin.core.actor import Actor
from ops.admin.core.command import (
    AfterCommit,
    Command,
    CommandBody,
    CommandContext,
    CommandResult,
    CommandServices,
    is_allowed,
)
from ops.admin.core.errors import Forbidden
from ops.admin.core.idempotency import IdempotencyKey
from ops.admin.core.savepoint import savepoint
from ops.clock import utc_now
from ops.i18n.changes import Difference, format_changes

_log = structlog.get_logger()


class CommandResponse(TypedDict):
    """What a command did. `pending`: a second person has to agree, and nothing else was changed yet.

    `besides` is as of now, and may come out otherwise when the second person agrees.
    """

    command: str
    subject: str
    state: Literal["done", "unchanged", "pending"]
    dry_run: bool
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    differences: list[Difference]
    details: dict[str, Any]
    audit: int | None
    proposal: str | None
    approval_reason: str | None
    secret: NotRequired[str]


async def execute(
    services: CommandServices,
    actor: Actor,
    command: Command[Any],
    subject_id: str,
    body: CommandBody,
    request_key: IdempotencyKey | None = None,
    *,
    dry_run: bool = False,
) -> CommandResponse:
    """Have a command done, and return what it did; the same key again: what it did then.

    Forbidden: the role may not. Refused and LedgerError as the command raises them: then nothing was kept.
    """
    if not is_allowed(actor, command.roles):
        raise Forbidden(f"{command.name} is for {', '.join(sorted({*command.roles, 'owner'}))}; you are {actor.role}")
    async with services.pool.acquire() as conn, savepoint(conn) as work:
        work.is_rolled_back = dry_run
        desk = CommandContext(conn, actor, services.keys, services.settings, utc_now())
        known = await idempotency.claim_key(conn, request_key, desk.now) if request_key else None
        if known is not None:
            return _parse_response(known)
        answer, done = await _run_or_propose(desk, command, subject_id, body, dry_run=dry_run)
        if request_key is not None:
            await idempotency.store_response(conn, request_key, orjson.dumps(answer))
    if done.after_commit is not None and not dry_run and answer["state"] != "pending":
        await run_after_commit(services, command.name, done.after_commit)
    return answer if done.secret is None or dry_run else {**answer, "secret": done.secret}


async def run_after_commit(services: CommandServices, command_name: str, after_commit: AfterCommit) -> None:
    """Do what a command left for after its commit. What was kept stands whatever happens here."""
    try:
        async with services.outside_calls:
            await after_commit(services.pool)
    except Exception:
        if services.raises_after_commit:
            raise
        _log.exception("left undone after the commit", command=command_name)


def _parse_response(stored: bytes) -> CommandResponse:
    answer: CommandResponse = orjson.loads(stored)
    return answer


async def _run_or_propose(
    context: CommandContext, command: Command[Any], subject_id: str, body: CommandBody, *, dry_run: bool
) -> tuple[CommandResponse, CommandResult]:
    proposal_id, line = None, None
    async with savepoint(context.conn) as trial:
        done = await command.run(context, subject_id, body)
        trial.is_rolled_back = done.approval_reason is not None and not context.actor.is_operator
    if trial.is_rolled_back:
        proposal_id = await proposals.propose(context, command, subject_id, body, done)
        asking = CommandResult(f"proposal/{proposal_id}", None, {"command": command.name, "subject": done.subject})
        line = await audit_log.add_entry(
            context.conn, context.actor, "proposal.ask", asking, context.now, proposal_id
        )
    is_changed = done.before != done.after
    if is_changed and proposal_id is None:
        line = await audit_log.add_entry(context.conn, context.actor, command.name, done, context.now)
    answer = build_response(command.name, done, dry_run=dry_run)
    answer |= {"audit": None if dry_run else line}
    if proposal_id is not None:
        answer |= {
            "state": "pending",
            "proposal": None if dry_run else proposal_id,
            "approval_reason": done.approval_reason,
        }
    return answer, done


def build_response(command_name: str, result: CommandResult, *, dry_run: bool = False) -> CommandResponse:
    """Return what is told of what a command did. Pure."""
    changes = diff_objects(result.before, result.after, result.currency)
    return {
        "command": command_name,
        "subject": result.subject,
        "state": "done" if result.before != result.after else "unchanged",
        "dry_run": dry_run,
        "before": None if result.before is None else dict(result.before),
        "after": None if result.after is None else dict(result.after),
        "differences": format_changes(changes),
        "details": dict(result.details),
        "audit": None,
        "proposal": None,
        "approval_reason": None,
    }
