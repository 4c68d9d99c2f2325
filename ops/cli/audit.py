"""`like-ledger audit`: list and export the audit log."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from ops.admin.core.csv_export import FetchPage

app = typer.Typer(no_args_is_help=True, help="The audit log: who did what, when and from where.")

Person = Annotated[str | None, typer.Option(help="Only entries by this person.")]
Command = Annotated[str | None, typer.Option(help="Only entries of this command, such as campaign.fund.")]
Subject = Annotated[
    str | None, typer.Option(help="Only entries about this subject, such as campaign/rural-education.")
]
SubjectPrefix = Annotated[str | None, typer.Option(help="Only subjects with this prefix, such as campaign/.")]
Proposal = Annotated[str | None, typer.Option(help="Only entries of this proposal.")]
Contains = Annotated[str | None, typer.Option(help="Only entries with this text in subject, before or after.")]
Since = Annotated[str | None, typer.Option(help="Only from this time on: 2026-11-23T08:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="Only before this time.")]


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
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many entries, newest first.")] = 50,
    as_json: runtime.AsJson = False,
) -> None:
    """List audit entries, newest first."""
    filters = _collect_filters(by, command, subject, subject_prefix, proposal, contains, since, until)
    rows = runtime.run_to_end(_read_page({**filters, "limit": str(limit)}))["audit"]
    if as_json:
        printing.show_json({"audit": rows})
    else:
        _show_rows(rows)


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(dir_okay=False, help="The file. Default: standard output.")] = None,
    by: Person = None,
    command: Command = None,
    subject: Subject = None,
    subject_prefix: SubjectPrefix = None,
    proposal: Proposal = None,
    contains: Contains = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Export the audit log as CSV (formula-safe), newest first: the same as the API's `audit.csv`."""
    runtime.run_to_end(
        _export(file, _collect_filters(by, command, subject, subject_prefix, proposal, contains, since, until))
    )


def _collect_filters(*values: str | None) -> dict[str, str]:
    from ops.admin.resources.audit import FILTERS

    names = ("by", "command", "subject", "subject_prefix", "proposal", "contains", "since", "until")
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

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        context = CommandContext(conn, OPERATOR, session.keys, load_settings(), utc_now())
        yield lambda filters: read_page(AUDIT, context, filters)


async def _read_page(parameters: dict[str, str]) -> dict[str, Any]:
    async with _open_audit() as fetch_page:
        return await fetch_page(parameters)


async def _export(file: Path | None, parameters: dict[str, str]) -> None:
    from ops.admin.core.csv_export import stream_csv
    from ops.admin.resources.audit import AUDIT_CSV

    async with _open_audit() as fetch_page:
        parts = stream_csv(AUDIT_CSV, fetch_page, parameters)
        first = await anext(parts)  # a wrong filter is refused before the file is created
        with file.open("wb") if file else nullcontext(sys.stdout.buffer) as out:
            out.write(first.encode())
            async for part in parts:
                out.write(part.encode())


def _show_rows(rows: list[dict[str, Any]]) -> None:
    entries = [
        (str(r["audit"]), r["at"][:19], f"{r['by']} ({r['role']})", r["entry_point"], r["command"], r["subject"])
        for r in rows
    ]
    printing.show_table(("# #", "at", "by", "entry point", "command", "subject"), entries)
