"""`like-ledger token`: who may do what."""

from typing import Annotated

import typer

from ops.cli import runtime

app = typer.Typer(no_args_is_help=True, help="Tokens: who may do what.")

Name = Annotated[str, typer.Argument(help="Whose it is.")]


@app.command()
def create(
    role: Annotated[str, typer.Option(help="campaigns, finance, reviewer, auditor or owner.")],
    name: Annotated[str, typer.Option(help="Whose it is: one person.")],
    days: Annotated[int, typer.Option(min=1, max=3660, help="How long it holds.")] = 90,
    as_json: runtime.AsJson = False,
) -> None:
    """Make a token and print it once; only its hash is kept."""
    answer = runtime.execute("token.create", "", {"role": role, "name": name, "days": days})
    if as_json:
        runtime.show_json({"name": name, "role": role, "token": answer["secret"]})
    else:
        typer.echo(answer["secret"])


@app.command()
def revoke(name: Name, as_json: runtime.AsJson = False) -> None:
    """Let somebody's token hold no longer, and end their sessions; the last owner's stays."""
    answer = runtime.execute("token.revoke", name)
    if as_json:
        runtime.show_json(answer)
    else:
        typer.echo(f"{name}: the token holds no longer")
