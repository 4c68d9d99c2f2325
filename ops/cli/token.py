"""`like-ledger token`: who may do what."""

from typing import Annotated

import typer

from ops.cli import shared

app = typer.Typer(no_args_is_help=True, help="Tokens: who may do what.")


@app.command()
def create(
    role: Annotated[str, typer.Option(help="campaigns, finance, reviewer, auditor or owner.")],
    name: Annotated[str, typer.Option(help="Whose it is: one person.")],
    as_json: shared.AsJson = False,
) -> None:
    """Make a token and print it once; only its hash is kept."""
    token = shared.run(_create(role, name))
    if as_json:
        shared.show_json({"name": name, "role": role, "token": token})
    else:
        typer.echo(token)


async def _create(role: str, name: str) -> str:
    import secrets

    from ops import tokens
    from ops.clock import utc_now

    token = f"llt_{secrets.token_urlsafe(32)}"
    async with shared.opened() as own, own.pool.acquire() as conn:
        await tokens.create(conn, token, name, role, utc_now())
    return token


@app.callback()
def _group() -> None:
    """Keep `create` a command of its own though it is the only one."""
