"""What a command is: who may give it, what it takes, and what doing it tells.

Command
├── asked    the model of its body
├── run      does it, in the transaction of the desk: the same for a dry run, which is rolled back
└── Done     before and after; `second` says why another person has to agree first, `then` is done after the commit
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

from campaigns.intake.payload import BODY_BYTES_MAX
from campaigns.promise.model import SingleLine
from ops.admin.core.actor import Actor, Role
from ops.keys import Keys
from ops.settings import Settings
from sql import Connection, Pool

_OUTSIDE_CALLS_MAX = 2  # each holds two connections of the pool for as long as the other side takes


JSON_TYPE = "application/json"

JsonObject = Mapping[str, Any]  # what JSON can say
AfterCommit = Callable[[Pool], Awaitable[None]]


def _require_text(reason: str) -> str:
    """Return a reason without the spaces around it, which say nothing."""
    if not reason.strip():
        raise ValueError("say why, in words")
    return reason.strip()


ReasonText = Annotated[SingleLine, AfterValidator(_require_text)]  # kept for ever, and read by those who ask


class CommandBody(BaseModel):
    """The body of a command."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class EmptyBody(CommandBody):
    """The body of a command that says everything by its address."""


class FileBody(CommandBody):
    """The body of a command that takes a file, as it was sent. Such a command waits for no second person."""

    content: bytes


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What a command works with; it joins the transaction of `conn`."""

    conn: Connection
    actor: Actor
    keys: Keys
    settings: Settings
    now: datetime


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command did. Equal before and after: it was so already, and nothing was done."""

    subject: str  # kind/name: campaign/rural-education
    before: JsonObject | None
    after: JsonObject | None
    currency: str = ""  # of what is named `…_minor`
    approval_reason: str | None = None  # why a second person has to agree; None: nobody has to
    hold: timedelta = timedelta(0)  # how long it waits after they did
    secret: str | None = None  # shown once, kept nowhere
    details: JsonObject = field(
        default_factory=dict
    )  # told, but no part of what is agreed to: it may be another later
    after_commit: AfterCommit | None = (
        None  # what talks to others, once this is kept; given anew it takes up what was left undone
    )


Body = TypeVar("Body", bound=CommandBody)
CommandHandler = Callable[[CommandContext, str, Body], Awaitable[CommandResult]]


@dataclass(frozen=True, slots=True)
class Command(Generic[Body]):
    """Something that a person can have done."""

    name: str  # subject and verb: campaign.fund
    path: str  # under /v1/admin, with at most one place in braces
    summary: str
    roles: frozenset[Role]  # who may ask for it, beside the owner
    body_type: type[Body]
    run: CommandHandler[Body]
    approvers: frozenset[Role] = frozenset()  # who may agree to it, beside the owner
    example: Mapping[str, Any] = field(default_factory=dict)
    content_type: str = JSON_TYPE  # of its body; where it is another, `asked` is a `Sent`
    bytes_max: int = BODY_BYTES_MAX


def is_allowed(actor: Actor, roles: frozenset[Role]) -> bool:
    """Tell whether somebody may do what is for those roles. The owner gives out roles, so may do all of it."""
    return actor.is_operator or actor.role == "owner" or actor.role in roles


@dataclass(frozen=True, slots=True)
class CommandServices:
    """What every desk shares."""

    pool: Pool
    keys: Keys
    settings: Settings
    raises_after_commit: bool = False  # what fails after the commit is raised, to whoever will give the command anew
    outside_calls: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_OUTSIDE_CALLS_MAX))
