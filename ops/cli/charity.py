"""`like-ledger charity`: the register of charities and their bank accounts."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from ops.admin.resources.charities import CharityView

app = typer.Typer(no_args_is_help=True, help="Charities: the register and their bank accounts.")

Slug = Annotated[str, typer.Argument(help="The charity's slug, as promises name it.")]


@app.command("list")
def list_charities(as_json: runtime.AsJson = False) -> None:
    """List the charities and their accounts; with --json also the salt and hash of each number."""
    charities_found = runtime.run_to_end(_list())
    if as_json:
        printing.show_json({"charities": charities_found})
        return
    rows = [
        (c["charity"], c["name"]["zh"], c["name"]["en"], " ".join(c["account"].values()), _state(c))
        for c in charities_found
    ]
    printing.show_table(("charity", "zh", "en", "account", "state"), rows)


async def _list() -> "list[CharityView]":
    from campaigns.catalogue import charities
    from ops.admin.core.actor import OPERATOR
    from ops.admin.resources.charities import charity_views

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        return await charity_views(conn, OPERATOR, await charities.list_charities(conn))


def _state(charity: "CharityView") -> str:
    return "disabled" if charity["is_disabled"] else ""


@app.command()
def set_account(
    charity: Slug,
    iban: Annotated[str | None, typer.Option(help="The new account, by IBAN.")] = None,
    bic: Annotated[str | None, typer.Option(help="The BIC of its bank.")] = None,
    scheme: Annotated[str | None, typer.Option(help="The scheme of an account without IBAN.")] = None,
    number: Annotated[str | None, typer.Option("--id", help="The number in that scheme.")] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Set a charity's bank account. Its open campaigns get new terms at once; pending payouts keep the old one."""
    if (iban is None) == (scheme is None and number is None):
        raise typer.BadParameter("give either --iban, or --scheme and --id")
    fields = {"iban": iban, "bic": bic, "scheme": scheme, "id": number}
    body = {"account": {name: value for name, value in fields.items() if value is not None}}
    response = runtime.execute("charity.account", charity, body)
    if as_json:
        printing.show_json(response)
    else:
        typer.echo(f"{charity}: {'account unchanged' if response['state'] == 'unchanged' else 'account changed'}")


@app.command()
def disable(charity: Slug, as_json: runtime.AsJson = False) -> None:
    """Disable a charity for new promises and terms; amounts already due are still paid."""
    _execute_and_print("charity.disable", charity, "is disabled", as_json=as_json)


@app.command()
def enable(charity: Slug, as_json: runtime.AsJson = False) -> None:
    """Re-enable a charity."""
    _execute_and_print("charity.enable", charity, "is enabled", as_json=as_json)


def _execute_and_print(command: str, charity: str, message: str, *, as_json: bool) -> None:
    response = runtime.execute(command, charity)
    if as_json:
        printing.show_json(response)
    else:
        typer.echo(f"{charity}: {message}")
