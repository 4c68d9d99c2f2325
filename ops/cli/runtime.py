"""What the commands share: settings, an open database, tables and JSON, and one clear line for what is refused.

Exit status 0: done, 1: refused, 2: wrong usage. Never a traceback for an expected refusal.
"""

import json
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from campaigns.promise.model import Promise
    from ops.admin.core.command import CommandServices
    from ops.admin.core.execute import CommandResponse
    from ops.keys import Keys
    from ops.settings import Settings
    from sql import Pool

ResultT = TypeVar("ResultT")
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
PayoutId: TypeAlias = Annotated[str, typer.Argument(help="The payout's id, pay_…")]
PromptedToken: TypeAlias = Annotated[
    str, typer.Option(prompt="token", hide_input=True, help="Their token; better typed when asked.")
]

_PLAIN_WIDTH = 160  # of a table that no terminal shows


class DatabaseUnreachable(Exception):
    """The database cannot be reached."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with."""

    pool: "Pool"
    keys: "Keys"


def read_settings(**overrides: Any) -> "Settings":
    """Return the configuration, with what was given on the command line; ends the command where it is refused."""
    from ops.settings import load_settings

    with exit_on_refusal():
        return load_settings(**overrides)


def run_to_end(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run a command's work to its end; ends the command with a clear line where it is refused."""
    import asyncio

    with exit_on_refusal():
        return asyncio.run(work)


@asynccontextmanager
async def open_session() -> AsyncIterator[Session]:
    """Yield the database that the settings name, brought up to date, and the service's keys."""
    from ops import database, keys
    from ops.settings import load_settings

    own_settings = load_settings()
    own_keys = keys.load_keys(own_settings)
    async with database.open_database(own_settings, role="command") as dsn:
        await _apply_migrations(dsn)
        async with database.open_pool(dsn) as pool:
            yield Session(pool, own_keys)


async def _apply_migrations(dsn: str) -> None:
    from ops.migrate import migrate

    try:
        await migrate(dsn)
    except (OSError, TimeoutError) as error:  # one that says "Multiple exceptions" is of no finer kind
        raise DatabaseUnreachable(f"the database cannot be reached: {error or 'no answer in time'}") from error


def execute(
    command: str, subject_id: str, parameters: Mapping[str, Any] | None = None, *, dry_run: bool = False
) -> "CommandResponse":
    """Have the desk do a command as the operator, who has the database in hand; return what it did."""
    return run_to_end(_execute(command, subject_id, parameters or {}, dry_run=dry_run))


async def _execute(
    command: str, subject_id: str, parameters: Mapping[str, Any], *, dry_run: bool
) -> "CommandResponse":
    async with open_session() as own:
        return await execute_in(own, command, subject_id, parameters, dry_run=dry_run)


def command_services(session: Session) -> "CommandServices":
    """Return the office of an open database."""
    from ops.admin.core.command import CommandServices
    from ops.settings import load_settings

    return CommandServices(session.pool, session.keys, load_settings())


async def execute_in(
    session: Session, command: str, subject_id: str, parameters: Mapping[str, Any], *, dry_run: bool = False
) -> "CommandResponse":
    """Do the same with a database that is open already."""
    from pydantic import ValidationError

    from campaigns.errors import ValidationFailed
    from campaigns.promise.toml_file import field_errors
    from ops.admin import registry
    from ops.admin.core import execute
    from ops.admin.core.actor import OPERATOR

    found = registry.find_command(command)
    try:
        body = found.body_type.model_validate(parameters)
    except ValidationError as error:
        raise ValidationFailed(field_errors(error)) from None
    return await execute.execute(command_services(session), OPERATOR, found, subject_id, body, dry_run=dry_run)


@contextmanager
def exit_on_refusal() -> Iterator[None]:
    """End the command with status 1 and the refusal's own words; anything else is a bug and shows its traceback."""
    try:
        yield
    except Exception as error:
        sentence = _refusal_sentence(error)
        if sentence is None:
            raise
        typer.echo(sentence, err=True)
        raise typer.Exit(1) from None


def _refusal_sentence(error: Exception) -> str | None:
    """Return what to say of a refusal; None: it is none. Nothing here may show the database's address."""
    import asyncpg

    from campaigns.errors import RequestRefused
    from ledger.errors import LedgerError
    from ops.embedded_postgres import EmbeddedRefused
    from ops.migrate import MigrationRefused
    from ops.settings import SettingsRefused

    if isinstance(
        error,
        RequestRefused | LedgerError | EmbeddedRefused | MigrationRefused | SettingsRefused | DatabaseUnreachable,
    ):
        return _refusal_text(error)
    if isinstance(error, asyncpg.ClientConfigurationError):
        return "LIKE_LEDGER_DATABASE_URL is no address of a PostgreSQL: postgresql://user:password@host:port/database"
    away = (
        asyncpg.PostgresConnectionError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
    )
    if isinstance(error, (*away, ConnectionError)):
        return f"the database cannot be reached: {error}"
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return f"the database's user may not do that: {error}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) if isinstance(error, OSError) else None


def _refusal_text(error: Exception) -> str:
    """Return a refusal in English, a line for each error of its fields."""
    from campaigns.errors import ValidationFailed
    from ledger.errors import Refusal
    from ops.i18n.refusals import refusal_text

    if isinstance(error, ValidationFailed):
        return "\n".join(f"{each.path}: {refusal_text(each, 'en')}" for each in error.field_errors)
    return refusal_text(error, "en") if isinstance(error, Refusal) else str(error)


def read_promise(file: "Path") -> "Promise":
    """Return the promise that a file makes; PromiseRefused names its faults."""
    from campaigns.promise import toml_file

    with file.open("rb") as opened:
        return toml_file.parse_promise(opened.read(toml_file.FILE_BYTES_MAX + 1))


def show_json(value: Any) -> None:
    """Print a value for programs."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def show_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None, *, to_stderr: bool = False
) -> None:
    """Print rows for people: nothing is cut off, figures (columns whose names end in ` #`) stand to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=to_stderr)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    table = Table(title=title, title_justify="left")
    for column in columns:
        is_figure = column.endswith(" #")
        table.add_column(column.removesuffix(" #"), justify="right" if is_figure else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
