"""`like-ledger payouts import-statement`, `unmatched` and `match`: what banks say, and what people say of it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.cli import as_person, payouts_output, runtime


def import_statement(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="camt.053, pain.002, or CSV.")],
    by: as_person.By = None,
    token: as_person.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Take in what a bank says: a statement, or its answer to a file. The same again changes nothing."""
    done = runtime.run(_import(file.read_bytes(), by, as_person.token_of(by, token)))
    if as_json:
        runtime.show_json(done)
    else:
        payouts_output.show_imported(done)


async def _import(body: bytes, by: str | None, token: str) -> dict[str, Any]:
    from hashlib import sha256

    from ledger.reconciliation.unmatched import unmatched_of

    async with as_person.opened(by, token) as own:
        answer = await own.give("statement.import", "", {"content": body})
        done = answer["after"] or {}
        lines = []
        if done["lines_unmatched"]:
            async with own.office.pool.acquire() as conn:
                lines = await unmatched_of(conn, sha256(body).digest())
    return payouts_output.imported(done, lines)


def unmatched(as_json: runtime.AsJson = False) -> None:
    """List statement lines that are of no payout, newest first, and why none was found."""
    lines = runtime.run(_unmatched())
    if as_json:
        runtime.show_json({"lines": lines})
    else:
        payouts_output.show_unmatched(lines)


async def _unmatched() -> "list[dict[str, Any]]":
    from ledger.reconciliation.unmatched import unmatched as find

    async with runtime.opened() as own, own.pool.acquire() as conn:
        return await find(conn)


def match_line(
    line: Annotated[str, typer.Argument(help="The line's id, as `unmatched` shows it.")],
    payout: runtime.PayoutId,
    reason: Annotated[str, typer.Option(help="How you know.")],
    name: Annotated[str, typer.Option("--as", help="Who says so: their token is asked for.")],
    token: runtime.Token,
    as_json: runtime.AsJson = False,
) -> None:
    """Say which payout a line of a statement is of, where no rule could tell. Again: changes nothing."""
    state = runtime.run(_match(line, payout, reason, name, token))
    if as_json:
        runtime.show_json({"line": line, "payout": payout, "state": state})
    else:
        typer.echo(f"{payout} is {state}")


async def _match(line: str, payout: str, reason: str, name: str, token: str) -> str:
    async with as_person.opened(name, token) as own:
        answer = await own.give("line.match", line, {"payout": payout, "reason": reason})
    state: str = (answer["after"] or {})["payouts"][payout]["state"]
    return state
