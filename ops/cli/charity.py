"""`like-ledger charity`: who promises may name, and where their money goes."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from ops.admin.resources.charities import CharityView

app = typer.Typer(no_args_is_help=True, help="Charities: who promises may name, and where their money goes.")

Slug = Annotated[str, typer.Argument(help="The charity's name, as promises name it.")]


@app.command("list")
def list_charities(as_json: runtime.AsJson = False) -> None:
    """List the charities and their accounts."""
    found = runtime.run_to_end(_list())
    if as_json:
        runtime.show_json({"charities": found})
        return
    rows = [
        (c["charity"], c["name"]["zh"], c["name"]["en"], " ".join(c["account"].values()), _state(c)) for c in found
    ]
    runtime.show_table(("charity", "zh", "en", "account", "state"), rows)


async def _list() -> "list[CharityView]":
    from campaigns.catalogue import charities
    from ops.admin.core.actor import OPERATOR
    from ops.admin.resources.charities import charity_view

    async with runtime.open_session() as own, own.pool.acquire() as conn:
        return [charity_view(charity, OPERATOR.role) for charity in await charities.list_charities(conn)]


def _state(charity: "CharityView") -> str:
    return "disabled" if charity["is_disabled"] else ""


@app.command()
def set_account(
    charity: Slug,
    iban: Annotated[str | None, typer.Option(help="The other set_account, by IBAN.")] = None,
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
    answer = runtime.execute("charity.account", charity, asked)
    if as_json:
        runtime.show_json(answer)
    else:
        typer.echo(
            f"{charity}: {'has that account already' if answer['state'] == 'unchanged' else 'account changed'}"
        )


@app.command()
def disable(charity: Slug, as_json: runtime.AsJson = False) -> None:
    """Let no new promise or terms name a charity; what it has coming is paid."""
    _execute_and_print("charity.disable", charity, "is disabled", as_json=as_json)


@app.command()
def enable(charity: Slug, as_json: runtime.AsJson = False) -> None:
    """Let promises name a disabled charity again."""
    _execute_and_print("charity.enable", charity, "is enabled", as_json=as_json)


def _execute_and_print(command: str, charity: str, message: str, *, as_json: bool) -> None:
    answer = runtime.execute(command, charity)
    if as_json:
        runtime.show_json(answer)
    else:
        typer.echo(f"{charity}: {message}")
