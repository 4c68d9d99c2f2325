"""`migrate`, `check`, `doctor`: maintain an installation."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from ledger.invariants import sql_checks
    from ops.doctor import Finding


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the pending migrations; change nothing.")] = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Apply pending migrations in order, all or none. Run again, it changes nothing."""
    runtime.run_to_end(_migrate(dry_run=dry_run, as_json=as_json))


async def _migrate(*, dry_run: bool, as_json: bool) -> None:
    from ops import database
    from ops import migrate as runner
    from ops.pooler import require_sessions

    async with database.open_database(runtime.read_settings(), role="command", creates=not dry_run) as dsn:
        if dry_run:
            await require_sessions(dsn)
            conn = await database.connect(dsn)
            plan = await runner.read_plan(conn)
            await conn.close()
        else:
            plan = await runner.migrate(dsn)
    pending = [script.name for script in plan.pending]
    if as_json:
        printing.show_json({"dry_run": dry_run, "applied_before": len(plan.applied), "pending": pending})
        return
    action = "would apply" if dry_run else "applied"
    typer.echo(f"{action}: {', '.join(pending)}" if pending else "the database is up to date")


def check(as_json: runtime.AsJson = False) -> None:
    """Check every invariant; exit status 1 and the offending rows if one is violated."""
    failures = runtime.run_to_end(_check())
    if as_json:
        printing.show_json([{"check": f.name, "says": f.sentence, "rows": f.count} for f in failures])
    elif failures:
        for failure in failures:
            typer.echo(
                f"{failure.name}: {failure.sentence}\n  {failure.count} rows, the first: {failure.rows[:5]}", err=True
            )
    else:
        typer.echo("every invariant holds")
    if failures:
        raise typer.Exit(1)


async def _check() -> "list[sql_checks.Violation]":
    from ledger.invariants import sql_checks

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        return await sql_checks.run_checks(conn)


def doctor(as_json: runtime.AsJson = False) -> None:
    """Diagnose database, schema, keys, clock, disk and jobs; print each problem with its fix."""
    findings = runtime.run_to_end(_doctor())
    if as_json:
        printing.show_json([{"check": f.check, "is_ok": f.is_ok, "state": f.state, "fix": f.fix} for f in findings])
    else:
        for finding in findings:
            mark = "ok  " if finding.is_ok else "BAD "
            typer.echo(f"{mark}{finding.check}: {finding.state}" + ("" if finding.is_ok else f" — {finding.fix}"))
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(1)


async def _doctor() -> "list[Finding]":
    from ops import database, keys
    from ops.doctor import find_pooler, run_diagnostics
    from ops.pooler import PoolerRefused, require_sessions

    settings = runtime.read_settings()
    try:
        async with database.open_database(settings, role="command") as dsn:
            keys.load_keys(settings)
            await require_sessions(dsn)
            conn = await database.connect(dsn)
            try:
                return [finding async for finding in run_diagnostics(conn, settings)]
            finally:
                await conn.close()
    except PoolerRefused as refused:
        return [find_pooler(refused)]
