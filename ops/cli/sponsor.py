"""`like-ledger sponsor`: the register of sponsors."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from ops.admin.resources.sponsors import SponsorView

app = typer.Typer(no_args_is_help=True, help="Sponsors: the register.")

SponsorId = Annotated[str, typer.Argument(help="The sponsor's id, spo_…, as `list` prints it.")]


@app.command("list")
def list_sponsors(as_json: runtime.AsJson = False) -> None:
    """List sponsors with their former names."""
    sponsors_found = runtime.run_to_end(_list())
    if as_json:
        printing.show_json({"sponsors": sponsors_found})
        return
    rows = [
        (s["sponsor"], s["name"], ", ".join(s["former_names"]), "disabled" if s["is_disabled"] else "")
        for s in sponsors_found
    ]
    printing.show_table(("sponsor", "name", "former names", "state"), rows)


async def _list() -> "list[SponsorView]":
    from campaigns.catalogue import sponsors
    from ops.admin.resources.sponsors import sponsor_view

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        return [sponsor_view(sponsor) for sponsor in await sponsors.list_sponsors(conn)]


@app.command()
def rename(
    sponsor: SponsorId,
    name: Annotated[str, typer.Argument(help="The new name.")],
    as_json: runtime.AsJson = False,
) -> None:
    """Rename a sponsor. Existing promises keep the name under which they were made."""
    response = runtime.execute("sponsor.rename", sponsor, {"name": name})
    if as_json:
        printing.show_json(response)
    else:
        typer.echo(f"{sponsor}: {name}")


@app.command()
def disable(sponsor: SponsorId, as_json: runtime.AsJson = False) -> None:
    """Disable a sponsor for new promises; existing promises stay in force."""
    _execute_and_print("sponsor.disable", sponsor, "is disabled", as_json=as_json)


@app.command()
def enable(sponsor: SponsorId, as_json: runtime.AsJson = False) -> None:
    """Re-enable a sponsor."""
    _execute_and_print("sponsor.enable", sponsor, "is enabled", as_json=as_json)


def _execute_and_print(command: str, sponsor: str, message: str, *, as_json: bool) -> None:
    response = runtime.execute(command, sponsor)
    if as_json:
        printing.show_json(response)
    else:
        typer.echo(f"{sponsor}: {message}")
