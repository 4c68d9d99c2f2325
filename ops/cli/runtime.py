"""Shared parts of every command: settings, a session on the database, output, one clear line for a refusal.

Exit status 0: done, 1: refused, 2: wrong usage. An expected refusal never shows a traceback.
"""

import errno
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import typer

from ops.cli.after_commit import AfterCommitFailed

if TYPE_CHECKING:
    from pathlib import Path

    from campaigns.errors import FieldError
    from campaigns.promise.model import Promise
    from ops.admin.core.actor import Actor
    from ops.admin.core.command import CommandServices
    from ops.admin.core.execute import CommandResponse
    from ops.keys import Keys
    from ops.settings import Settings
    from sql import Pool

ResultT = TypeVar("ResultT")
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
PayoutId: TypeAlias = Annotated[str, typer.Argument(help="The payout's id, pay_…")]
PromptedToken: TypeAlias = Annotated[
    str, typer.Option(prompt="token", hide_input=True, help="The person's token; safer typed at the prompt.")
]
AsPerson: TypeAlias = Annotated[
    str | None,
    typer.Option("--as", help="The person who does this, proven by a token. Default: the operator of this machine."),
]
Token: TypeAlias = Annotated[str | None, typer.Option(help="The person's token; safer typed at the prompt.")]

_BIND_ERRORS = {errno.EADDRINUSE, errno.EADDRNOTAVAIL}


class DatabaseUnreachable(Exception):
    """The database cannot be reached."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open database, the keys of the service, and the actor whose commands run."""

    pool: "Pool"
    keys: "Keys"
    actor: "Actor"
    services: "CommandServices"
    after_commit_errors: "list[Exception]"

    async def execute(
        self,
        command_name: str,
        subject_id: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        dry_run: bool = False,
    ) -> "CommandResponse":
        """Execute a command as the session's actor and return its response.

        Raises ValidationFailed if the parameters do not fit the command, any refusal of the command itself, and
        AfterCommitFailed if the command is stored but a call after its commit failed.
        """
        from pydantic import ValidationError

        from campaigns.errors import ValidationFailed
        from campaigns.promise.toml_file import field_errors
        from ops.admin import registry
        from ops.admin.core import execute

        command = registry.find_command(command_name)
        try:
            body = command.body_type.model_validate(parameters or {})
        except ValidationError as error:
            raise ValidationFailed(field_errors(error)) from None
        response = await execute.execute(self.services, self.actor, command, subject_id, body, dry_run=dry_run)
        if response["after_commit"] == "pending":
            raise AfterCommitFailed(response["subject"], self.after_commit_errors[-1], self.services.settings)
        return response


def read_settings(**overrides: Any) -> "Settings":
    """Return the configuration, with the options of the command line; ends the command if it is refused."""
    from ops.settings import load_settings

    with exit_on_refusal():
        return load_settings(**overrides)


def run_to_end(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run the work of a command and return its result; ends the command with one clear line if it is refused."""
    import asyncio

    import uvloop

    from ops.logs import configure_command_logs

    configure_command_logs()
    with exit_on_refusal(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@asynccontextmanager
async def open_session(
    person: str | None = None, token: str = "", *, roles: "frozenset[str] | None" = None
) -> AsyncIterator[Session]:
    """Yield a session on the existing ledger that the settings name.

    Without `person` the actor is the operator. Raises TokenRefused if the token does not belong to the person,
    or its role is not among `roles`: by default those that may handle payouts.
    """
    from ops import database, keys, signing
    from ops.admin.core.actor import OPERATOR
    from ops.admin.core.command import CommandServices
    from ops.settings import load_settings

    settings = load_settings()
    async with database.open_database(settings, role="command") as dsn:
        service_keys = keys.load_keys(settings)  # after the database: a missing ledger gets no keys
        await _require_migrated(dsn)
        async with database.open_pool(dsn) as pool:
            actor = OPERATOR if person is None else await _identify(pool, person, token, roles)
            errors: list[Exception] = []
            guard = signing.load_guard(settings)
            services = CommandServices(
                pool, service_keys, settings, lambda _, error: errors.append(error), guard=guard
            )
            yield Session(pool, service_keys, actor, services, errors)


async def _identify(pool: "Pool", person: str, token: str, roles: "frozenset[str] | None") -> "Actor":
    from ops.admin.auth import tokens
    from ops.admin.core.actor import Actor
    from ops.clock import utc_now

    async with pool.acquire() as conn:
        identity = await tokens.require_identity(conn, token, person, roles or tokens.PAYOUT_ROLES, utc_now())
    return Actor(identity.name, identity.role, "command line")


def prompt_token(person: str | None, token: str | None) -> str:
    """Return the token that proves a person; prompts for it if the option is missing."""
    if person is None or token is not None:
        return token or ""
    return str(typer.prompt("token", hide_input=True, err=True))


async def _require_migrated(dsn: str) -> None:
    from ops.migrate import require_migrated

    try:
        await require_migrated(dsn)
    except (OSError, TimeoutError) as error:  # asyncpg raises a bare OSError when several addresses fail
        reason = error or "no answer in time"
        raise DatabaseUnreachable(f"The database cannot be reached: {reason}") from error


def execute(
    command_name: str, subject_id: str, parameters: Mapping[str, Any] | None = None, *, dry_run: bool = False
) -> "CommandResponse":
    """Execute one command as the operator in a new session and return its response."""
    return run_to_end(_execute(command_name, subject_id, parameters or {}, dry_run=dry_run))


async def _execute(
    command_name: str, subject_id: str, parameters: Mapping[str, Any], *, dry_run: bool
) -> "CommandResponse":
    async with open_session() as session:
        return await session.execute(command_name, subject_id, parameters, dry_run=dry_run)


@contextmanager
def exit_on_refusal() -> Iterator[None]:
    """End the command with status 1 and one line for a refusal; an unexpected error keeps its traceback."""
    try:
        yield
    except Exception as error:
        message = _refusal_message(error)
        if message is None:
            raise
        typer.echo(message, err=True)
        raise typer.Exit(1) from None


def exit_on_failures(failures: Sequence[str]) -> None:
    """End the command with status 1 and one line for each failure; return if there are none."""
    for failure in failures:
        typer.echo(failure, err=True)
    if failures:
        raise typer.Exit(1)


def _refusal_message(error: Exception) -> str | None:
    """Return the message of an expected refusal, else None. It never contains the address of the database."""
    from ledger.errors import Refusal
    from ops.embedded_postgres import EmbeddedRefused
    from ops.migrate import MigrationRefused
    from ops.pooler import PoolerRefused
    from ops.settings import SettingsRefused

    if isinstance(error, Refusal):
        return _refusal_text(error)
    own_messages = EmbeddedRefused | MigrationRefused | PoolerRefused | SettingsRefused
    if isinstance(error, own_messages | DatabaseUnreachable | AfterCommitFailed):
        return str(error)
    return _database_message(error) or _file_message(error)


def _database_message(error: Exception) -> str | None:
    """Return the message of a database that is configured wrongly or away, else None."""
    import asyncpg

    from sql import Outage, find_outage

    database_errors = (ConnectionError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    unreachable = (Outage.UNREACHABLE, Outage.EXHAUSTED)
    if isinstance(error, asyncpg.ClientConfigurationError):
        return (
            "LIKE_LEDGER_DATABASE_URL is not an address of PostgreSQL:"
            " write postgresql://user:password@host:port/database"
        )
    outage = find_outage(error) if isinstance(error, database_errors) else None
    if outage is not None:
        prefix = "The database cannot be reached" if outage in unreachable else outage.value.rstrip(".")
        return f"{prefix}: {error}"
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return f"The database user lacks a right: {error}"
    return None


def _file_message(error: Exception) -> str | None:
    """Return the message of a file or folder that cannot be used, else None."""
    if not isinstance(error, OSError):
        return None
    if error.errno in _BIND_ERRORS and error.filename is None:
        return (
            f"The service cannot listen: {error.strerror}."
            " Stop the program that uses the port, or choose another with LIKE_LEDGER_PORT"
        )
    return str(error) if error.filename is None else f"{error.filename}: {error.strerror}"


def _refusal_text(error: Exception) -> str:
    """Return a refusal in English, with one line for each error of its fields."""
    from campaigns.errors import ValidationFailed
    from ledger.errors import Refusal
    from ops.i18n.refusals import refusal_text

    if isinstance(error, ValidationFailed):
        return "\n".join(f"{field.path}: {_field_error_text(field)}" for field in error.field_errors)
    return refusal_text(error, "en") if isinstance(error, Refusal) else str(error)


def _field_error_text(field: "FieldError") -> str:
    """Return the sentence of a field's error; a page has a hint beside the field, here the pattern stands for it."""
    from ops.i18n.refusals import refusal_text

    sentence = refusal_text(field, "en")
    return f"{sentence} It must match {field.params['pattern']}" if "pattern" in field.params else sentence


def read_promise(file: "Path") -> "Promise":
    """Return the promise in a file. Raises PromiseRefused with every error in it."""
    from campaigns.promise import toml_file

    with file.open("rb") as stream:
        return toml_file.parse_promise(stream.read(toml_file.FILE_BYTES_MAX + 1))
