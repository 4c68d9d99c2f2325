"""`like-ledger log`: make the public log, and write it out as files for any web server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from ops.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The public log: make it, write it out as static files.")

Origin = Annotated[
    str | None, typer.Option(help="The log's name: its address without https://. Default LIKE_LEDGER_LOG_ORIGIN.")
]


@app.command()
def init(origin: Origin = None, as_json: runtime.AsJson = False) -> None:
    """Make the public log of a database, with the checkpoint of the empty tree. Again: changes nothing.

    Without LIKE_LEDGER_LOG_KEY a key is made and printed, this once: nothing can sign this log without it.
    """
    settings = runtime.read_settings(**({"log_origin": origin} if origin else {}))
    made, verifier_key = runtime.run_to_end(_init(settings))
    if as_json:
        runtime.show_json({"verifier_key": verifier_key, "log_key": made})
        return
    if made:
        typer.echo("The log's private key, shown this once: keep it safe, and start the service with it.", err=True)
        typer.echo(f"LIKE_LEDGER_LOG_KEY={made}")
    typer.echo(verifier_key)


async def _init(settings: "Settings") -> tuple[str | None, str]:
    import secrets

    from pydantic import SecretStr

    from ledger.log.note import format_verifier_key
    from ledger.publication import sequencer
    from ops import keys
    from ops.clock import utc_now

    made = None
    if settings.log_key is None and settings.database_url is not None:
        made = secrets.token_hex(keys.KEY_BYTES)
        settings = settings.model_copy(update={"log_key": SecretStr(made)})
    signer = keys.load_log_signer(settings)
    async with runtime.open_session() as own:
        await sequencer.create_log(own.pool, signer, utc_now())
    return made, format_verifier_key(signer.verifier_key)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go; made if it is not there.")],
    as_json: runtime.AsJson = False,
) -> None:
    """Write the log as static files, exactly as it is served, for any web server or bucket.

    Stopped and started again it goes on where it was; run again later it adds what is new.
    """
    written, size = runtime.run_to_end(_export(folder))
    if as_json:
        runtime.show_json({"folder": str(folder), "files_written": written, "size": size})
    else:
        typer.echo(f"{folder}: {size} leaves, {written} files written")


async def _export(folder: Path) -> tuple[int, int]:
    from ops import log_export

    async with runtime.open_session() as own, own.pool.acquire() as conn:
        return await log_export.export_log(conn, folder)
