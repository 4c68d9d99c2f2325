"""`like-ledger serve`: intake, public pages and API, jobs, until SIGTERM or Ctrl-C."""

from typing import Annotated

import typer

from ops.cli import runtime


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; default LIKE_LEDGER_HOST or 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; default LIKE_LEDGER_PORT or 8080; 0 picks a free port.")
    ] = None,
    no_migrate: Annotated[bool, typer.Option("--no-migrate", help="Do not apply migrations.")] = False,
) -> None:
    """Run the service until SIGTERM or Ctrl-C; then finish accepted deliveries and exit with status 0."""
    from ops import service

    overrides = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    runtime.run_to_end(service.serve(runtime.read_settings(**overrides), run_migrations=not no_migrate))
