"""`like-ledger payouts import-statement`, `unmatched` and `match`: what banks say, and what people say of it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.cli import as_person, payouts_output, runtime


def import_statement(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="camt.053, pain.002, or CSV.")],
    person: as_person.AsPerson = None,
    token: as_person.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Take in what a bank says: a statement, or its answer to a file. The same again changes nothing."""
    done = runtime.run_to_end(_import_statement(file.read_bytes(), person, as_person.prompt_token(person, token)))
    if as_json:
        runtime.show_json(done)
    else:
        payouts_output.show_import(done)


async def _import_statement(body: bytes, person: str | None, token: str) -> dict[str, Any]:
    from hashlib import sha256

    from ledger.reconciliation.unmatched import list_unmatched_in_file

    async with as_person.open_person_session(person, token) as own:
        answer = await own.execute("statement.import", "", {"content": body})
        done = answer["after"] or {}
        lines = []
        if done["lines_unmatched"]:
            async with own.services.pool.acquire() as conn:
                lines = await list_unmatched_in_file(conn, sha256(body).digest())
    return payouts_output.import_json(done, lines)


def unmatched(as_json: runtime.AsJson = False) -> None:
    """List statement lines that are of no payout, newest first, and why none was found."""
    lines = runtime.run_to_end(_list_unmatched())
    if as_json:
        runtime.show_json({"lines": lines})
    else:
        payouts_output.show_unmatched(lines)


async def _list_unmatched() -> "list[dict[str, Any]]":
    from ledger.reconciliation.unmatched import list_unmatched as find

    async with runtime.open_session() as own, own.pool.acquire() as conn:
        return await find(conn)


def match_line(
    line: Annotated[str, typer.Argument(help="The line's id, as `unmatched` shows it.")],
    payout: runtime.PayoutId,
    reason: Annotated[str, typer.Option(help="How you know.")],
    person: Annotated[str, typer.Option("--as", help="Who says so: their token is asked for.")],
    token: runtime.PromptedToken,
    as_json: runtime.AsJson = False,
) -> None:
    """Say which payout a line of a statement is of, where no rule could tell. Again: changes nothing."""
    state = runtime.run_to_end(_match_line(line, payout, reason, person, token))
    if as_json:
        runtime.show_json({"line": line, "payout": payout, "state": state})
    else:
        typer.echo(f"{payout} is {state}")


async def _match_line(line: str, payout: str, reason: str, person: str, token: str) -> str:
    async with as_person.open_person_session(person, token) as own:
        answer = await own.execute("line.match", line, {"payout": payout, "reason": reason})
    state: str = (answer["after"] or {})["payouts"][payout]["state"]
    return state
