"""Execute a command: the one code path of HTTP, pages, command line and schedule.

    authorise → claim key → run → approval needed? → audit → store response ┃ replicated, then
                                  └── roll back, store a proposal           ┃ after the commit

Left of the line is one transaction. A dry run takes the same path and is rolled back at the end.

Calls to other services come after the commit: not in a dry run, and not for a key that has a
response. The committed rows say what is still to be sent. So a failure there changes no row and
raises nothing: the response says `after_commit: pending`, and the process reports the error. The
same command resumes the work; so does a job, where it can ask whether the call arrived.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal, NotRequired, TypeAlias

import orjson
import structlog
from typing_extensions import TypedDict

from campaigns.catalogue.account_mask import mask_accounts, mask_change
from campaigns.promise.diff import diff_objects
from ops.admin.core import audit_log, idempotency, proposals
from ops.admin.core.actor import Actor
from ops.admin.core.command import (
    AfterCommit,
    Command,
    CommandBody,
    CommandContext,
    CommandPreparation,
    CommandResult,
    CommandServices,
    is_allowed,
)
from ops.admin.core.errors import Forbidden
from ops.admin.core.idempotency import IdempotencyKey
from ops.admin.core.savepoint import savepoint
from ops.clock import utc_now
from ops.i18n.changes import Difference, format_changes
from sql import CONFLICT_ERRORS, Pool
from sql.replication import wait_until_replicated

PROPOSE = "proposal.create"  # in the audit log: a command was proposed instead of executed
_ATTEMPTS_MAX = 3

_log = structlog.get_logger()


class CommandResponse(TypedDict):
    """The effect of a command.

    `pending`: a second person must approve; nothing else has changed. `details` are as of now and
    may differ when the second person approves. `after_commit`: `pending` if a call to
    another service failed, `done` if they were called, null if none is to be called.
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
    after_commit: Literal["done", "pending"] | None
    secret: NotRequired[str]


_Run: TypeAlias = tuple[CommandResponse, CommandResult | None]


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
    """Execute a command and return its response; a repeated key returns the stored response.

    A transaction that loses a race with another is repeated. Raises Forbidden if the role does not
    allow it, and any refusal of the command itself. Then nothing is stored.
    """
    if not is_allowed(actor, command.roles):
        roles = sorted({*command.roles, "owner"})
        raise Forbidden("command_forbidden", command=command.name, roles=roles, role=actor.role)
    async with services.pool.acquire() as conn:
        context = services.build_context(conn, actor, utc_now())
        if command.prepare is not None and not dry_run:
            await _prepare(context, command.prepare, subject_id, body)
        response, result = await _repeat_lost_races(
            lambda: _run_once(context, command, subject_id, body, request_key, dry_run=dry_run)
        )
        if not dry_run:
            # A stored response and an `unchanged` wrote nothing: they rest on a commit of another
            # request, whose wait for the standby may have been cut off.
            await wait_until_replicated(conn)
    if result is None:
        return response
    if result.after_commit is not None and response["after_commit"] == "pending":
        response = await _finish(services, response, result.after_commit, request_key)
    return response if result.secret is None or dry_run else {**response, "secret": result.secret}


async def _prepare(
    context: CommandContext, prepare: CommandPreparation[Any], subject_id: str, body: CommandBody
) -> None:
    """Do the work before a command in its own transaction: it stays if the command is refused."""
    async with context.conn.transaction():
        await prepare(context, subject_id, body)


async def _repeat_lost_races(run_once: Callable[[], Awaitable[_Run]]) -> _Run:
    """Return the run of a transaction; a deadlock or a serialization failure is repeated."""
    for _ in range(_ATTEMPTS_MAX - 1):
        with suppress(*CONFLICT_ERRORS):
            return await run_once()
    return await run_once()


async def _run_once(
    context: CommandContext,
    command: Command[Any],
    subject_id: str,
    body: CommandBody,
    request_key: IdempotencyKey | None,
    *,
    dry_run: bool,
) -> _Run:
    """Run the command in one transaction; return its response and result.

    A repeated key returns the stored response without a result.
    """
    async with savepoint(context.conn) as transaction:
        transaction.is_rolled_back = dry_run
        stored = await idempotency.claim_key(context.conn, request_key, context.now) if request_key else None
        if stored is not None:
            return _parse_response(stored), None
        response, result = await _run_or_propose(context, command, subject_id, body, dry_run=dry_run)
        if request_key is not None:
            await idempotency.store_response(context.conn, request_key, orjson.dumps(response))
    return response, result


async def _finish(
    services: CommandServices,
    response: CommandResponse,
    after_commit: AfterCommit,
    request_key: IdempotencyKey | None,
) -> CommandResponse:
    """Run the work after the commit and return the response that says whether it is done."""
    if not await run_after_commit(services, response["command"], after_commit):
        return response
    finished: CommandResponse = {**response, "after_commit": "done"}
    if request_key is not None:
        await _store_finished(services.pool, request_key, finished)
    return finished


async def _store_finished(pool: Pool, request_key: IdempotencyKey, finished: CommandResponse) -> None:
    """Store the response of finished work. A failure is only logged: the work itself is done."""
    try:
        async with pool.acquire() as conn:
            await idempotency.store_response(conn, request_key, orjson.dumps(finished))
    except Exception:  # noqa: BLE001 - a repeated key gets the response stored before, `pending`
        _log.exception("response not stored; the work after the commit is done", command=finished["command"])


async def run_after_commit(services: CommandServices, command_name: str, after_commit: AfterCommit) -> bool:
    """Run a command's work after its commit; return whether it succeeded. Raises nothing."""
    try:
        async with services.outside_calls:
            await after_commit(services.pool)
    except Exception as error:  # noqa: BLE001 - reported; the committed rows say what is to be resumed
        services.report_after_commit_failure(command_name, error)
        return False
    return True


def _parse_response(stored: bytes) -> CommandResponse:
    response: CommandResponse = orjson.loads(stored)
    return response


async def _run_or_propose(
    context: CommandContext, command: Command[Any], subject_id: str, body: CommandBody, *, dry_run: bool
) -> tuple[CommandResponse, CommandResult]:
    async with savepoint(context.conn) as trial:
        result = await command.run(context, subject_id, body)
        trial.is_rolled_back = result.approval_reason is not None and not context.actor.is_operator
    response = build_response(command.name, result, dry_run=dry_run, shows_accounts=context.shows_accounts)
    entry: int | None
    if trial.is_rolled_back:
        proposal_id, entry = await _propose(context, command, subject_id, body, result)
        response["state"], response["approval_reason"] = "pending", result.approval_reason
        response["proposal"] = None if dry_run else proposal_id
    else:
        entry = await _audit_change(context, command, result)
        if result.after_commit is not None and not dry_run:
            response["after_commit"] = "pending"
    response["audit"] = None if dry_run else entry
    return response, result


async def _propose(
    context: CommandContext, command: Command[Any], subject_id: str, body: CommandBody, result: CommandResult
) -> tuple[str, int]:
    """Store a proposal; return its id and the number of its audit entry."""
    proposal_id = await proposals.propose(context, command, subject_id, body, result)
    created = CommandResult(f"proposal/{proposal_id}", None, {"command": command.name, "subject": result.subject})
    entry = await audit_log.add_entry(context.conn, context.actor, PROPOSE, created, context.now, proposal_id)
    return proposal_id, entry


async def _audit_change(context: CommandContext, command: Command[Any], result: CommandResult) -> int | None:
    if result.before == result.after:
        return None
    return await audit_log.add_entry(context.conn, context.actor, command.name, result, context.now)


def build_response(
    command_name: str, result: CommandResult, *, dry_run: bool = False, shows_accounts: bool = True
) -> CommandResponse:
    """Return the response for a command's result, as if it was executed without approval. Pure."""
    changes = diff_objects(result.before, result.after, result.currency)
    before, after = (None if part is None else dict(part) for part in (result.before, result.after))
    if not shows_accounts:
        changes, before, after = list(map(mask_change, changes)), mask_accounts(before), mask_accounts(after)
    return {
        "command": command_name,
        "subject": result.subject,
        "state": "done" if result.before != result.after else "unchanged",
        "dry_run": dry_run,
        "before": before,
        "after": after,
        "differences": format_changes(changes),
        "details": dict(result.details),
        "audit": None,
        "proposal": None,
        "approval_reason": None,
        "after_commit": None,
    }
