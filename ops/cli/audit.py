"""`like-ledger audit`: who did what, when, from where; listed, and written to a file."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from ops.admin.core.csv_export import FetchPage

app = typer.Typer(no_args_is_help=True, help="The audit: who did what, when, from where.")

Person = Annotated[str | None, typer.Option(help="Only what this person did.")]
Command = Annotated[str | None, typer.Option(help="Only this command, such as campaign.fund.")]
Subject = Annotated[str | None, typer.Option(help="Only about this, such as campaign/rural-education.")]
SubjectPrefix = Annotated[str | None, typer.Option(help="Only about what begins so, such as campaign/.")]
Proposal = Annotated[str | None, typer.Option(help="Only what belongs to this proposal.")]
Contains = Annotated[str | None, typer.Option(help="Only where this stands in the subject, before or after.")]
Since = Annotated[str | None, typer.Option(help="Only from this moment on: 2026-11-23T08:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="Only before this moment.")]


@app.command("list")
def list_audit(
    by: Person = None,
    command: Command = None,
    subject: Subject = None,
    subject_prefix: SubjectPrefix = None,
    proposal: Proposal = None,
    contains: Contains = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, the newest first.")] = 50,
    as_json: runtime.AsJson = False,
) -> None:
    """List what was done, newest first."""
    given = _collect_filters(by, command, subject, subject_prefix, proposal, contains, since, until)
    rows = runtime.run_to_end(_read_page({**given, "limit": str(limit)}))["audit"]
    if as_json:
        runtime.show_json({"audit": rows})
    else:
        _show_rows(rows)


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(dir_okay=False, help="Where to; left out: standard output.")] = None,
    by: Person = None,
    command: Command = None,
    subject: Subject = None,
    subject_prefix: SubjectPrefix = None,
    proposal: Proposal = None,
    contains: Contains = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write all that was done as CSV, newest first, as the API's `audit.csv` has it."""
    runtime.run_to_end(
        _export(file, _collect_filters(by, command, subject, subject_prefix, proposal, contains, since, until))
    )


def _collect_filters(*values: str | None) -> dict[str, str]:
    from ops.admin.resources.audit import FILTERS

    names = ("by", "command", "subject", "under", "proposal", "says", "since", "until")
    assert set(names) == set(FILTERS)  # noqa: S101 - each filter is an option
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


@asynccontextmanager
async def _open_audit() -> "AsyncIterator[FetchPage]":
    from ops.admin.core.actor import OPERATOR
    from ops.admin.core.command import CommandContext
    from ops.admin.core.pagination import read_page
    from ops.admin.resources.audit import AUDIT
    from ops.clock import utc_now
    from ops.settings import load_settings

    async with runtime.open_session() as own, own.pool.acquire() as conn:
        desk = CommandContext(conn, OPERATOR, own.keys, load_settings(), utc_now())
        yield lambda given: read_page(AUDIT, desk, given)


async def _read_page(parameters: dict[str, str]) -> dict[str, Any]:
    async with _open_audit() as look:
        return await look(parameters)


async def _export(file: Path | None, parameters: dict[str, str]) -> None:
    from ops.admin.core.csv_export import stream_csv
    from ops.admin.resources.audit import AUDIT_CSV

    async with _open_audit() as look:
        parts = stream_csv(AUDIT_CSV, look, parameters)
        first = await anext(parts)  # what cannot be read is refused before a file is begun
        with file.open("wb") if file else nullcontext(sys.stdout.buffer) as out:
            out.write(first.encode())
            async for part in parts:
                out.write(part.encode())


def _show_rows(rows: list[dict[str, Any]]) -> None:
    shown = [
        (str(r["audit"]), r["at"][:19], f"{r['by']} ({r['role']})", r["door"], r["command"], r["subject"])
        for r in rows
    ]
    runtime.show_table(("# #", "at", "by", "door", "command", "subject"), shown)
