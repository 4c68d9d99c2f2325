"""`like-ledger log`: create the public log, and export it as static files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from ops.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The public log: create it, export it as static files.")

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
        runtime.show_json({"verifier_key": verifier_key, "log_key": private_key})
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
    from ops import keys
    from ops.clock import utc_now

    private_key = None
    if settings.log_key is None and settings.database_url is not None:
        private_key = secrets.token_hex(keys.KEY_BYTES)
        settings = settings.model_copy(update={"log_key": SecretStr(private_key)})
    async with runtime.open_session() as session:
        signer = keys.load_log_signer(settings)
        await sequencer.create_log(session.pool, signer, utc_now())
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
        runtime.show_json({"folder": str(folder), "files_written": written, "size": size})
    else:
        typer.echo(f"{folder}: {size} leaves, {written} files written")


async def _export(folder: Path) -> tuple[int, int]:
    from ops import log_export

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        return await log_export.export_log(conn, folder)
