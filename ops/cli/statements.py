"""`like-ledger payouts import-statement`, `unmatched` and `match`: import bank files, match lines by hand."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.cli import payouts_output, runtime


def import_statement(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="camt.053, pain.002, or CSV.")],
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Import a bank statement or a payment status report. The same file again changes nothing."""
    result = runtime.run_to_end(_import_statement(file.read_bytes(), person, runtime.prompt_token(person, token)))
    if as_json:
        runtime.show_json(result)
    else:
        payouts_output.show_import(result)


async def _import_statement(body: bytes, person: str | None, token: str) -> dict[str, Any]:
    from hashlib import sha256

    from ledger.reconciliation.unmatched import list_unmatched_in_file

    async with runtime.open_session(person, token) as session:
        response = await session.execute("statement.import", "", {"content": body})
        result = response["after"] or {}
        lines = []
        if result["lines_unmatched"]:
            async with session.pool.acquire() as conn:
                lines = await list_unmatched_in_file(conn, sha256(body).digest())
    return payouts_output.import_json(result, lines)


def list_unmatched(as_json: runtime.AsJson = False) -> None:
    """List statement lines without a payout, newest first, with the reason."""
    lines = runtime.run_to_end(_list_unmatched())
    if as_json:
        runtime.show_json({"lines": lines})
    else:
        payouts_output.show_unmatched(lines)


async def _list_unmatched() -> "list[dict[str, Any]]":
    from ledger.reconciliation import unmatched

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        return await unmatched.list_unmatched(conn)


def match_line(
    line: Annotated[str, typer.Argument(help="The line's id, as `unmatched` prints it.")],
    payout: runtime.PayoutId,
    reason: Annotated[str, typer.Option(help="How you know that the line belongs to the payout.")],
    person: Annotated[str, typer.Option("--as", help="The person who matches; a prompt asks for the token.")],
    token: runtime.PromptedToken,
    as_json: runtime.AsJson = False,
) -> None:
    """Match a statement line to a payout by hand. Run again, it changes nothing."""
    state = runtime.run_to_end(_match_line(line, payout, reason, person, token))
    if as_json:
        runtime.show_json({"line": line, "payout": payout, "state": state})
    else:
        typer.echo(f"{payout} is {state}")


async def _match_line(line: str, payout: str, reason: str, person: str, token: str) -> str:
    async with runtime.open_session(person, token) as session:
        response = await session.execute("line.match", line, {"payout": payout, "reason": reason})
    state: str = (response["after"] or {})["payouts"][payout]["state"]
    return state
