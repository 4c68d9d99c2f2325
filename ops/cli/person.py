"""`like-ledger person`: erase a person."""

from typing import Annotated

import typer

from ops.cli import printing, runtime

app = typer.Typer(no_args_is_help=True, help="People: erase a person.")


@app.callback()
def people() -> None:
    """Keep `forget` a subcommand although it is the only one."""


@app.command()
def forget(
    person: Annotated[str, typer.Argument(help="The person's id at the platform, as its likes carry it.")],
    campaign: Annotated[str, typer.Option(help="The campaign's slug.")],
    platform: Annotated[str, typer.Option(help="The platform's name.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show how many likes; change nothing.")] = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Erase the link between a person and their likes in a campaign. Totals and published proofs stay valid.

    An erased like that is sent again is a duplicate. A like of other content counts as another person's.
    """
    body = {"platform": platform, "person": person}
    response = runtime.execute("person.forget", campaign, body, dry_run=dry_run)
    likes = (response["after"] or {})["erased_likes"]
    if as_json:
        printing.show_json({"campaign": campaign, "platform": platform, "likes": likes, "dry_run": dry_run})
        return
    prediction = "would no longer be" if dry_run else "are no longer"
    typer.echo(f"{campaign}: {likes} likes {prediction} linked to a person")
