"""`like-ledger sponsor`: whose promises there may be."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from ops.admin.resources.sponsors import SponsorView

app = typer.Typer(no_args_is_help=True, help="Sponsors: whose promises there may be.")

SponsorId = Annotated[str, typer.Argument(help="The sponsor: spo_…, as `list` shows it.")]


@app.command("list")
def list_sponsors(as_json: runtime.AsJson = False) -> None:
    """List the sponsors, and what they were called before."""
    found = runtime.run_to_end(_list())
    if as_json:
        runtime.show_json({"sponsors": found})
        return
    rows = [
        (s["sponsor"], s["name"], ", ".join(s["former_names"]), "disabled" if s["is_disabled"] else "") for s in found
    ]
    runtime.show_table(("sponsor", "name", "before", "state"), rows)


async def _list() -> "list[SponsorView]":
    from campaigns.catalogue import sponsors
    from ops.admin.resources.sponsors import sponsor_view

    async with runtime.open_session() as own, own.pool.acquire() as conn:
        return [sponsor_view(sponsor) for sponsor in await sponsors.list_sponsors(conn)]


@app.command()
def rename(
    sponsor: SponsorId,
    name: Annotated[str, typer.Argument(help="What it is called from now on.")],
    as_json: runtime.AsJson = False,
) -> None:
    """Call a sponsor something else; what was promised keeps the name that it was promised under."""
    answer = runtime.execute("sponsor.change", sponsor, {"name": name})
    if as_json:
        runtime.show_json(answer)
    else:
        typer.echo(f"{sponsor}: {name}")


@app.command()
def disable(sponsor: SponsorId, as_json: runtime.AsJson = False) -> None:
    """Let no new promise name a sponsor; what it promised stands."""
    _execute_and_print("sponsor.disable", sponsor, "is disabled", as_json=as_json)


@app.command()
def enable(sponsor: SponsorId, as_json: runtime.AsJson = False) -> None:
    """Let promises name a disabled sponsor again."""
    _execute_and_print("sponsor.enable", sponsor, "is enabled", as_json=as_json)


def _execute_and_print(command: str, sponsor: str, message: str, *, as_json: bool) -> None:
    answer = runtime.execute(command, sponsor)
    if as_json:
        runtime.show_json(answer)
    else:
        typer.echo(f"{sponsor}: {message}")
