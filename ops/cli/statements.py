"""`like-ledger payouts import-statement`, `unmatched` and `match`: import bank files, match lines by hand."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.cli import payouts_output, printing, runtime


def import_statement(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="camt.052 to 054, pain.002, CSV, ZIP.")],
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Import a bank statement or a payment status report. The same file again changes nothing."""
    result = runtime.run_to_end(_import_statement(file.read_bytes(), person, runtime.prompt_token(person, token)))
    if as_json:
        printing.show_json(result)
    else:
        payouts_output.show_import(result)


async def _import_statement(body: bytes, person: str | None, token: str) -> dict[str, Any]:
    from hashlib import sha256

    from ledger.reconciliation.status_reviews import list_unreviewed
    from ledger.reconciliation.unmatched import list_unmatched_in_file

    async with runtime.open_session(person, token) as session:
        response = await session.execute("statement.import", "", {"content": body})
        result = response["after"] or {}
        lines, statuses = [], []
        if result["lines_unmatched"] or result["statuses_unmatched"]:
            async with session.pool.acquire() as conn:
                lines = await list_unmatched_in_file(conn, sha256(body).digest())
                statuses = await list_unreviewed(conn, sha256(body).digest())
    return payouts_output.import_json(response, lines, statuses)


def list_unmatched(as_json: runtime.AsJson = False) -> None:
    """List statement lines without a payout and bank statuses to review, newest first, with the reason."""
    unmatched = runtime.run_to_end(_list_unmatched())
    if as_json:
        printing.show_json(unmatched)
        return
    payouts_output.show_unmatched(unmatched["lines"])
    if unmatched["statuses"]:
        payouts_output.show_statuses(unmatched["statuses"])


async def _list_unmatched() -> "dict[str, list[dict[str, Any]]]":
    from ledger.reconciliation import status_reviews, unmatched

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        lines = await unmatched.list_unmatched(conn)
        return {"lines": lines, "statuses": await status_reviews.list_unreviewed(conn)}


def match_line(
    line: Annotated[str, typer.Argument(help="The line's id, as `unmatched` prints it.")],
    payouts: Annotated[
        list[str], typer.Argument(help="The payout's id, pay_…; several if the line is their sum.", metavar="PAYOUT…")
    ],
    reason: Annotated[str, typer.Option(help="How you know that the line belongs to the payouts.")],
    person: Annotated[str, typer.Option("--as", help="The person who matches; a prompt asks for the token.")],
    token: runtime.PromptedToken,
    as_json: runtime.AsJson = False,
) -> None:
    """Match a statement line to payouts by hand. Run again, it changes nothing.

    The rest of the line is recorded as a difference. Above the campaign's threshold another person must approve it.
    """
    response = runtime.run_to_end(_match_line(line, payouts, reason, person, token))
    result = payouts_output.match_json(line, payouts, response)
    if as_json:
        printing.show_json(result)
    else:
        payouts_output.show_match(result)


async def _match_line(line: str, payouts: list[str], reason: str, person: str, token: str) -> Any:
    body = {"payout": payouts[0], "more_payouts": payouts[1:], "reason": reason}
    async with runtime.open_session(person, token) as session:
        return await session.execute("line.match", line, body)


def review_status(
    status: Annotated[str, typer.Argument(help="The status's id, sts_…, as `unmatched` prints it.")],
    reason: Annotated[str, typer.Option(help="How you know what the status means.")],
    person: Annotated[str, typer.Option("--as", help="The person who decides; a prompt asks for the token.")],
    token: runtime.PromptedToken,
    payout: Annotated[
        str | None, typer.Option(help="The payout that the bank refuses, pay_…. Default: the status changes nothing.")
    ] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Decide a bank status that no rule could apply. Run again, it changes nothing."""
    body = {"reason": reason} | ({"payout": payout} if payout else {})
    response = runtime.run_to_end(_review_status(status, body, person, token))
    result = {"status": status, "payout": payout, "state": response["state"]}
    if as_json:
        printing.show_json(result)
    else:
        typer.echo(f"{status}: {response['state']}")


async def _review_status(status: str, body: dict[str, str], person: str, token: str) -> Any:
    async with runtime.open_session(person, token) as session:
        return await session.execute("status.review", status, body)
