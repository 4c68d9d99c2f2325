"""`like-ledger token`: tokens of people and their roles."""

from typing import Annotated

import typer

from ops.cli import printing, runtime

app = typer.Typer(no_args_is_help=True, help="Tokens: people and their roles.")

Name = Annotated[str, typer.Argument(help="The person.")]


@app.command()
def create(
    role: Annotated[str, typer.Option(help="campaigns, finance, reviewer, auditor or owner.")],
    name: Annotated[str, typer.Option(help="The one person who owns the token.")],
    days: Annotated[int, typer.Option(min=1, max=3660, help="Days until it expires.")] = 90,
    as_json: runtime.AsJson = False,
) -> None:
    """Create a token and print it once; only its hash is stored."""
    response = runtime.execute("token.create", "", {"role": role, "name": name, "days": days})
    if as_json:
        printing.show_json({"name": name, "role": role, "token": response["secret"]})
    else:
        typer.echo(response["secret"])


@app.command()
def revoke(name: Name, as_json: runtime.AsJson = False) -> None:
    """Revoke a person's token and end their sessions. The last owner's token cannot be revoked."""
    response = runtime.execute("token.revoke", name)
    if as_json:
        printing.show_json(response)
    else:
        typer.echo(f"{name}: token revoked")
