"""`like-ledger payouts import-statement`, `unmatched` and `match`: what banks say, and what people say of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli import payouts_view, shared

if TYPE_CHECKING:
    from ledger.envelopes import Envelope
    from ledger.reconcile import Imported


def import_statement(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="camt.053, pain.002, or CSV.")],
    by: shared.By = "command line",
    as_json: shared.AsJson = False,
) -> None:
    """Take in what a bank says: a statement, or its answer to a file. The same again changes nothing."""
    done = shared.run(_import(file.read_bytes(), by))
    if as_json:
        shared.show_json(payouts_view.imported(done))
    else:
        payouts_view.show_imported(done)


async def _import(body: bytes, by: str) -> "Imported":
    from ledger import reconcile
    from ops.clock import utc_now

    async with shared.opened() as own, own.pool.acquire() as conn, conn.transaction():
        return await reconcile.import_file(conn, body, by, utc_now())


def unmatched(as_json: shared.AsJson = False) -> None:
    """List statement lines that are of no payout, newest first, and why none was found."""
    lines = shared.run(_unmatched())
    if as_json:
        shared.show_json({"lines": lines})
    else:
        payouts_view.show_unmatched(lines)


async def _unmatched() -> "list[dict[str, Any]]":
    from ledger.unmatched import unmatched as find

    async with shared.opened() as own, own.pool.acquire() as conn:
        return await find(conn)


def match_line(
    line: Annotated[str, typer.Argument(help="The line's id, as `unmatched` shows it.")],
    payout: shared.PayoutId,
    reason: Annotated[str, typer.Option(help="How you know.")],
    name: Annotated[str, typer.Option("--as", help="Who says so: their token is asked for.")],
    token: shared.Token,
    as_json: shared.AsJson = False,
) -> None:
    """Say which payout a line of a statement is of, where no rule could tell. Again: changes nothing."""
    envelope = shared.run(_match(line, payout, reason, name, token))
    found = next(one for one in envelope.payouts if one.payout_id == payout)
    if as_json:
        shared.show_json({"line": line, "payout": payout, "state": found.state.value})
    else:
        typer.echo(f"{payout} is {found.state.value}")


async def _match(line: str, payout: str, reason: str, name: str, token: str) -> "Envelope":
    from ledger.unmatched import match_by_hand
    from ops.admin import tokens
    from ops.clock import utc_now

    async with shared.opened() as own, own.pool.acquire() as conn, conn.transaction():
        person = await tokens.holder(conn, token, name, tokens.CLERKS, utc_now())
        return await match_by_hand(conn, line, payout, reason, person.name, utc_now())
