"""A command: who may run it, its body, and its result.

Command
├── body_type  the model of its body
├── prepare    work that stays even if the command is refused: likes are judged before a settlement
├── run        makes the change; a dry run calls it too and is rolled back
└── result     values before and after; `approval_reason` says why a second person must approve,
               `after_commit` runs once the transaction is committed
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict

from campaigns.errors import invalid_value
from campaigns.intake.payload import BODY_BYTES_MAX
from campaigns.promise.model import SingleLine
from ledger.publication.signing_guard import SigningGuard
from ops.admin.core.actor import FINANCE_READERS, Actor, Role
from ops.admin.core.idempotency import IdempotencyKey, idempotency_key
from ops.database_clock import DatabaseClock
from ops.keys import Keys
from ops.settings import Settings
from sql import Connection, Pool, is_unavailable

_OUTSIDE_CALLS_MAX = 2  # each uses two connections of the pool while the other side answers

JSON_TYPE = "application/json"

JsonObject = Mapping[str, Any]  # values that JSON can express
AfterCommit = Callable[[Pool], Awaitable[None]]
ReportFailure = Callable[[str, Exception], None]  # takes the name of the command

_log = structlog.get_logger()


def _require_text(reason: str) -> str:
    """Return a reason without surrounding spaces; an empty one is not valid."""
    if not reason.strip():
        raise invalid_value("reason_missing")
    return reason.strip()


ReasonText = Annotated[SingleLine, AfterValidator(_require_text)]  # stored for good


class CommandBody(BaseModel):
    """The body of a command."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class EmptyBody(CommandBody):
    """The body of a command whose path says everything."""


class FileBody(CommandBody):
    """The body of a command that takes a file as sent. Such a command never needs approval."""

    content: bytes


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The surroundings of a command; it joins the transaction of `conn`."""

    conn: Connection
    actor: Actor
    keys: Keys
    settings: Settings
    now: datetime
    clock: DatabaseClock = field(default_factory=DatabaseClock)  # decides what is due
    guard: SigningGuard | None = None  # refuses to go on with a database that lost signed leaves
    approver: str | None = None  # the person whose approval runs the command

    @property
    def shows_accounts(self) -> bool:
        """Whether the actor may see account numbers and banks' words."""
        return is_allowed(self.actor, FINANCE_READERS)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The effect of a command. If before equals after, nothing was changed."""

    subject: str  # kind/name: campaign/rural-education
    before: JsonObject | None
    after: JsonObject | None
    currency: str = ""  # of values named `…_minor`
    approval_reason: str | None = None  # why a second person must approve; None: no approval needed
    hold: timedelta = timedelta(0)  # delay between approval and execution
    secret: str | None = None  # in the response once, never stored
    details: JsonObject = field(default_factory=dict)  # shown, not approved
    after_commit: AfterCommit | None = None  # calls others; repeating the command resumes it


Body = TypeVar("Body", bound=CommandBody)
CommandHandler = Callable[[CommandContext, str, Body], Awaitable[CommandResult]]
CommandPreparation = Callable[[CommandContext, str, Body], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command(Generic[Body]):
    """A change that people with certain roles may make."""

    name: str  # subject and verb: campaign.fund
    path: str  # under /v1/admin, with at most one parameter in braces
    summary: str
    roles: frozenset[Role]  # that may run it, besides the owner
    body_type: type[Body]
    run: CommandHandler[Body]
    approvers: frozenset[Role] = frozenset()  # roles that may approve it, besides the owner
    example: Mapping[str, Any] = field(default_factory=dict)
    content_type: str = JSON_TYPE  # any other type has a `FileBody`
    prepare: CommandPreparation[Body] | None = None  # work before, in its own transaction: it stays if `run` refuses
    has_personal_body: bool = False  # nothing stored may be tested against a guess of the body
    bytes_max: int = BODY_BYTES_MAX


def is_allowed(actor: Actor, roles: frozenset[Role]) -> bool:
    """Return whether an actor has one of the roles.

    The owner assigns roles and so has them all. Pure.
    """
    return actor.is_operator or actor.role == "owner" or actor.role in roles


def command_key(
    command: Command[Any], caller: tuple[str, str], subject_id: str, raw: bytes, keys: Keys
) -> IdempotencyKey:
    """Return a caller's name and key with the digest of a request.

    The digest of a personal body has a secret, so that nobody can test a guess. Pure.
    """
    secret = keys.pseudonym if command.has_personal_body else b""
    return idempotency_key(*caller, command.name.encode(), subject_id.encode(), raw, secret=secret)


def log_after_commit_failure(command: str, error: Exception) -> None:
    """Log the error of a command's work after its commit."""
    if is_unavailable(error):
        _log.warning("after-commit work waits for the database", command=command, error=type(error).__name__)
        return
    _log.error("after-commit work failed", command=command, exc_info=error)


@dataclass(frozen=True, slots=True)
class CommandServices:
    """The resources of all commands in a process; one instance bounds calls to other services."""

    pool: Pool
    keys: Keys
    settings: Settings
    report_after_commit_failure: ReportFailure = log_after_commit_failure
    clock: DatabaseClock = field(default_factory=DatabaseClock)
    guard: SigningGuard | None = None
    outside_calls: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_OUTSIDE_CALLS_MAX))

    def build_context(self, conn: Connection, actor: Actor, now: datetime) -> CommandContext:
        """Return the surroundings of an actor's command in the transaction of `conn`."""
        return CommandContext(conn, actor, self.keys, self.settings, now, self.clock, self.guard)
