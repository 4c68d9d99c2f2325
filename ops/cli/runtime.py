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
    from ops.admin.core.command import Office
    from ops.admin.core.execute import Answer
    from ops.keys import Keys
    from ops.settings import Settings
    from sql import Pool

Found = TypeVar("Found")
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
PayoutId: TypeAlias = Annotated[str, typer.Argument(help="The payout's id, pay_…")]
Token: TypeAlias = Annotated[
    str, typer.Option(prompt="token", hide_input=True, help="Their token; better typed when asked.")
]

_PLAIN_WIDTH = 160  # of a table that no terminal shows


class DatabaseAway(Exception):
    """The database cannot be reached."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a command works with."""

    pool: "Pool"
    keys: "Keys"


def settings(**given: Any) -> "Settings":
    """Return the configuration, with what was given on the command line; ends the command where it is refused."""
    from ops.settings import load

    with refusals():
        return load(**given)


def run(work: Coroutine[Any, Any, Found]) -> Found:
    """Run a command's work to its end; ends the command with a clear line where it is refused."""
    import asyncio

    with refusals():
        return asyncio.run(work)


@asynccontextmanager
async def opened() -> AsyncIterator[Opened]:
    """Yield the database that the settings name, brought up to date, and the service's keys."""
    from ops import database, keys
    from ops.settings import load

    own_settings = load()
    own_keys = keys.load(own_settings)
    async with database.database(own_settings, role="command") as dsn:
        await _bring_up_to_date(dsn)
        async with database.pool(dsn) as pool:
            yield Opened(pool, own_keys)


async def _bring_up_to_date(dsn: str) -> None:
    from ops.migrate import migrate

    try:
        await migrate(dsn)
    except (OSError, TimeoutError) as error:  # one that says "Multiple exceptions" is of no finer kind
        raise DatabaseAway(f"the database cannot be reached: {error or 'no answer in time'}") from error


def give(command: str, place: str, asked: Mapping[str, Any] | None = None, *, dry_run: bool = False) -> "Answer":
    """Have the desk do a command as the operator, who has the database in hand; return what it did."""
    return run(_give(command, place, asked or {}, dry_run=dry_run))


async def _give(command: str, place: str, asked: Mapping[str, Any], *, dry_run: bool) -> "Answer":
    async with opened() as own:
        return await give_with(own, command, place, asked, dry_run=dry_run)


def office(own: Opened) -> "Office":
    """Return the office of an open database."""
    from ops.admin.core.command import Office
    from ops.settings import load

    return Office(own.pool, own.keys, load())


async def give_with(
    own: Opened, command: str, place: str, asked: Mapping[str, Any], *, dry_run: bool = False
) -> "Answer":
    """Do the same with a database that is open already."""
    from pydantic import ValidationError

    from campaigns.errors import Faulty
    from campaigns.promise.toml_file import faults
    from ops.admin import registry
    from ops.admin.core import execute
    from ops.admin.core.actor import AT_THE_MACHINE

    found = registry.find(command)
    try:
        body = found.asked.model_validate(asked)
    except ValidationError as error:
        raise Faulty(faults(error)) from None
    return await execute.do(office(own), AT_THE_MACHINE, found, place, body, dry_run=dry_run)


@contextmanager
def refusals() -> Iterator[None]:
    """End the command with status 1 and the refusal's own words; anything else is a bug and shows its traceback."""
    try:
        yield
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        typer.echo(sentence, err=True)
        raise typer.Exit(1) from None


def _sentence(error: Exception) -> str | None:
    """Return what to say of a refusal; None: it is none. Nothing here may show the database's address."""
    import asyncpg

    from campaigns.errors import Refused
    from ledger.errors import LedgerError
    from ops.embedded import EmbeddedRefused
    from ops.migrate import MigrationRefused
    from ops.settings import SettingsRefused

    if isinstance(error, Refused | LedgerError | EmbeddedRefused | MigrationRefused | SettingsRefused | DatabaseAway):
        return str(error)
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


def read_promise(file: "Path") -> "Promise":
    """Return the promise that a file makes; PromiseRefused names its faults."""
    from campaigns.promise import toml_file

    with file.open("rb") as opened:
        return toml_file.read(opened.read(toml_file.FILE_BYTES_MAX + 1))


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
