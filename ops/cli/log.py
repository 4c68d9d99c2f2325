"""`like-ledger log`: create the public log, and export it as static files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from ledger.publication.succession import SuccessionPlan
    from ops.log_succession import SuccessionResult, Successor
    from ops.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The public log: create it, export it as static files, succeed it.")

Origin = Annotated[
    str | None, typer.Option(help="The log's origin: its address without https://. Default LIKE_LEDGER_LOG_ORIGIN.")
]


@app.command()
def init(origin: Origin = None, as_json: runtime.AsJson = False) -> None:
    """Create the public log with the checkpoint of the empty tree. Run again, it changes nothing.

    Without LIKE_LEDGER_LOG_KEY a private key is generated and printed once; only this key can sign this log.
    """
    settings = runtime.read_settings(**({"log_origin": origin} if origin else {}))
    private_key, verifier_key = runtime.run_to_end(_init(settings))
    if as_json:
        printing.show_json({"verifier_key": verifier_key, "log_key": private_key})
        return
    if private_key:
        typer.echo(
            "The private key of the log, printed only once. Store it safely and start the service with it.", err=True
        )
        typer.echo(f"LIKE_LEDGER_LOG_KEY={private_key}")
    typer.echo(verifier_key)


async def _init(settings: "Settings") -> tuple[str | None, str]:
    import secrets

    from pydantic import SecretStr

    from ledger.log.note import format_verifier_key
    from ledger.publication import sequencer
    from ops import keys, signing
    from ops.clock import utc_now

    private_key = None
    if settings.log_key is None and settings.database_url is not None:
        private_key = secrets.token_hex(keys.KEY_BYTES)
        settings = settings.model_copy(update={"log_key": SecretStr(private_key)})
    async with runtime.open_session() as session:
        signer = keys.load_log_signer(settings)
        await sequencer.create_log(session.pool, signer, utc_now(), session.services.guard)
        await signing.compare_histories(signing.load_guard(settings), session.pool)
    return private_key, format_verifier_key(signer.verifier_key)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="The folder for the files; created if missing.")],
    as_json: runtime.AsJson = False,
) -> None:
    """Export the log as static files, byte for byte as served, for any web server or bucket.

    An interrupted export continues when run again; a later run adds only the new files.
    """
    written, size = runtime.run_to_end(_export(folder))
    if as_json:
        printing.show_json({"folder": str(folder), "files_written": written, "size": size})
    else:
        typer.echo(f"{folder}: {size} leaves, {written} files written")


async def _export(folder: Path) -> tuple[int, int]:
    from ops import log_export

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        return await log_export.export_log(conn, folder)


@app.command("succeed")
def start_successor(
    origin: Annotated[str, typer.Option(help="The successor's origin, not used before: ledger.example.org/log2.")],
    copy: Annotated[
        str | None,
        typer.Option(help="A copy of the old log, address or folder. Default LIKE_LEDGER_LOG_MIRROR."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A file with a newer checkpoint of the old log, from anybody.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would happen; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Start a successor of a log that cannot go on, after a restore or to withdraw account numbers.

    It names the old log's last known head in its first leaf and repeats every leaf; account numbers become hashes.
    Stop the service first, and start it again with the new key. Run again after a crash, it finishes.
    """
    result = runtime.run_to_end(_start_successor(origin, copy, checkpoint, dry_run=dry_run, yes=yes))
    if result is None:
        return
    from ledger.log.note import format_verifier_key

    verifier_key = format_verifier_key(result.successor.signer.verifier_key)
    key = result.successor.seed.hex() if result.successor.seed else None
    if as_json:
        printing.show_json({"verifier_key": verifier_key, "log_key": key, "origin": origin, "size": result.size})
        return
    if key:
        typer.echo("The successor's private key, printed only once. Start the service with these:", err=True)
        typer.echo(f"LIKE_LEDGER_LOG_KEY={key}\nLIKE_LEDGER_LOG_ORIGIN={origin}")
    typer.echo(f"{verifier_key}\n{result.size} leaves signed. Purge /log/ from every cache in front of the service.")


async def _start_successor(
    origin: str, copy: str | None, checkpoint: Path | None, *, dry_run: bool, yes: bool
) -> "SuccessionResult | None":
    from rich.console import Console
    from rich.progress import Progress

    from ops import database, log_succession
    from ops.migrate import migrate

    def confirm(plan: "SuccessionPlan", successor: "Successor") -> bool:
        typer.echo(_describe_plan(plan, successor), err=True)
        return not dry_run and (yes or typer.confirm("Succeed the log? This cannot be undone", err=True))

    settings = runtime.read_settings()
    async with database.open_database(settings, role="command") as dsn:
        await migrate(dsn)
        with Progress(console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task("leaves", total=None, start=False, visible=False)
            return await log_succession.run_succession(
                dsn,
                settings,
                origin,
                copy=copy,
                checkpoint=checkpoint,
                confirm=confirm,
                on_progress=lambda done: bars.update(task, completed=done, visible=True),
            )


def _describe_plan(plan: "SuccessionPlan", successor: "Successor") -> str:
    """Return what the command does, as lines of text. Pure."""
    last = plan.last.checkpoint
    lines = [
        f"{last.origin} ends at {last.size} leaves, the newest known head; {successor.signer.name} succeeds it.",
        f"{plan.kept} of these leaves are in the database and are repeated, {plan.lost} are lost.",
        f"{plan.leaf_count} leaves will be in the successor, {plan.hashed_terms} with hashes of account numbers.",
    ]
    if plan.lost > len(plan.lost_hashes):
        lines.append(
            "No copy has the lost leaves. Readers who saw some of them, but not the last head, cannot check the link."
            " Pass --copy if you have one."
        )
    if successor.old_signer is None:
        lines.append("The old key is not at hand, so it does not state that this log succeeds it.")
    return "\n".join(lines)
