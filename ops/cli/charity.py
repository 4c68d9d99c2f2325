"""`like-ledger charity`: who promises may name, and where their money goes."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from ops.admin.resources.charities import ShownCharity

app = typer.Typer(no_args_is_help=True, help="Charities: who promises may name, and where their money goes.")

Slug = Annotated[str, typer.Argument(help="The charity's name, as promises name it.")]


@app.command("list")
def list_charities(as_json: runtime.AsJson = False) -> None:
    """List the charities and their accounts."""
    found = runtime.run(_list())
    if as_json:
        runtime.show_json({"charities": found})
        return
    rows = [
        (c["charity"], c["name"]["zh"], c["name"]["en"], " ".join(c["account"].values()), _state(c)) for c in found
    ]
    runtime.show_table(("charity", "zh", "en", "account", "state"), rows)


async def _list() -> "list[ShownCharity]":
    from campaigns.catalogue import charities
    from ops.admin.core.actor import AT_THE_MACHINE
    from ops.admin.resources.charities import shown

    async with runtime.opened() as own, own.pool.acquire() as conn:
        return [shown(charity, AT_THE_MACHINE.role) for charity in await charities.listed(conn)]


def _state(charity: "ShownCharity") -> str:
    return "disabled" if charity["is_disabled"] else ""


@app.command()
def account(
    charity: Slug,
    iban: Annotated[str | None, typer.Option(help="The other account, by IBAN.")] = None,
    bic: Annotated[str | None, typer.Option(help="Its bank.")] = None,
    scheme: Annotated[str | None, typer.Option(help="The other account, where it has no IBAN: its scheme.")] = None,
    number: Annotated[str | None, typer.Option("--id", help="Its number in that scheme.")] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Pay a charity to another account, at once: its open campaigns get new terms. What waits keeps the account."""
    if (iban is None) == (scheme is None and number is None):
        raise typer.BadParameter("give either --iban, or --scheme and --id")
    given = {"iban": iban, "bic": bic, "scheme": scheme, "id": number}
    asked = {"account": {name: value for name, value in given.items() if value is not None}}
    answer = runtime.give("charity.account", charity, asked)
    if as_json:
        runtime.show_json(answer)
    else:
        typer.echo(
            f"{charity}: {'has that account already' if answer['state'] == 'unchanged' else 'account changed'}"
        )


@app.command()
def disable(charity: Slug, as_json: runtime.AsJson = False) -> None:
    """Let no new promise or terms name a charity; what it has coming is paid."""
    _give("charity.disable", charity, "is disabled", as_json=as_json)


@app.command()
def enable(charity: Slug, as_json: runtime.AsJson = False) -> None:
    """Let promises name a disabled charity again."""
    _give("charity.enable", charity, "is enabled", as_json=as_json)


def _give(command: str, charity: str, done: str, *, as_json: bool) -> None:
    answer = runtime.give(command, charity)
    if as_json:
        runtime.show_json(answer)
    else:
        typer.echo(f"{charity}: {done}")
