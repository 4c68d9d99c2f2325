"""`like-ledger payouts`: list, approve and send settlements, import bank files."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import payouts_output, printing, runtime, statements
from ops.cli.after_commit import AfterCommitFailed

if TYPE_CHECKING:
    from campaigns.catalogue.cache import Campaign
    from ledger.payouts.channels import Message
    from ledger.settlements.model import Settlement

app = typer.Typer(no_args_is_help=True, help="Payouts: the money of settlements to charities.")

SettlementId = Annotated[str, typer.Argument(help="The settlement's id, stl_…")]


@app.command("list")
def list_payouts(
    slug: Annotated[str | None, typer.Argument(help="The campaign. Default: every campaign.")] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """List settlements and their payouts, with the hash to approve."""
    settlements = runtime.run_to_end(_list_settlements(slug))
    if as_json:
        printing.show_json(
            {"settlements": [payouts_output.settlement_json(campaign, e) for campaign, e in settlements]}
        )
    else:
        payouts_output.show_settlements(settlements)


async def _list_settlements(slug: str | None) -> "list[tuple[Campaign, Settlement]]":
    from campaigns.catalogue import cache
    from campaigns.errors import NotFound
    from ledger.settlements.model import list_settlements

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        campaigns = await cache.load_campaigns(conn, session.keys.pseudonym)
        if slug is not None and slug not in campaigns:
            raise NotFound("campaign_not_found", slug=slug)
        return [(campaigns[e.campaign], e) for e in await list_settlements(conn, [slug] if slug else None)]


@app.command()
def approve(
    settlement: SettlementId,
    person: Annotated[str, typer.Option("--as", help="The person who approves; a prompt asks for the token.")],
    token: runtime.PromptedToken,
    approved_hash: Annotated[
        str | None,
        typer.Option("--hash", help="The hash to approve, as `list` prints it. Default: a prompt shows it and asks."),
    ] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Approve a settlement. Above its threshold it needs different people, never the one who made it."""
    if approved_hash is None:
        campaign, found_settlement = runtime.run_to_end(_find_settlement(settlement))
        payouts_output.show_settlements([(campaign, found_settlement)], to_stderr=True)
        typer.confirm(f"Approve {found_settlement.hash.hex()}?", abort=True, err=True)
        approved_hash = found_settlement.hash.hex()
    body = {"hash": approved_hash.lower()}
    _print_settlement(
        runtime.run_to_end(_execute_and_read("settlement.approve", settlement, body, person, token)), as_json=as_json
    )


def _print_settlement(settlement: "tuple[Campaign, Settlement]", *, as_json: bool) -> None:
    if as_json:
        printing.show_json(payouts_output.settlement_json(*settlement))
    else:
        payouts_output.show_settlements([settlement])


async def _find_settlement(settlement: str) -> "tuple[Campaign, Settlement]":
    async with runtime.open_session() as session:
        return await _read_with_campaign(session, settlement)


async def _read_with_campaign(session: "runtime.Session", settlement: str) -> "tuple[Campaign, Settlement]":
    from campaigns.catalogue import cache
    from campaigns.errors import NotFound
    from ledger.settlements.model import list_settlements

    async with session.pool.acquire() as conn:
        settlements = await list_settlements(conn, settlement_id=settlement)
        if not settlements:
            raise NotFound("settlement_not_found", settlement=settlement)
        campaigns = await cache.load_campaigns(conn, session.keys.pseudonym)
        return campaigns[settlements[0].campaign], settlements[0]


async def _execute_and_read(
    command: str, subject_id: str, parameters: dict[str, str], person: str | None, token: str
) -> "tuple[Campaign, Settlement]":
    """Execute a command on a settlement and return the settlement as stored afterwards."""
    async with runtime.open_session(person, token) as session:
        response = await session.execute(command, subject_id, parameters)
        return await _read_with_campaign(session, response["subject"].removeprefix("settlement/"))


@app.command()
def send(
    settlement: Annotated[
        str | None, typer.Argument(help="The settlement's id. Default: every settlement that may be sent.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="manual, pain001 or http. Default: LIKE_LEDGER_PAYOUT_CHANNEL.")
    ] = None,
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Send approved settlements, after asking about messages that may have been sent. Nothing is sent twice."""
    settlements, failures = runtime.run_to_end(
        _send_settlements(settlement, channel, person, runtime.prompt_token(person, token))
    )
    if as_json:
        printing.show_json(
            {"settlements": [payouts_output.settlement_json(campaign, e) for campaign, e in settlements]}
        )
    elif settlements:
        payouts_output.show_settlements(settlements)
    else:
        typer.echo("nothing to send")
    runtime.exit_on_failures(failures)


async def _send_settlements(
    settlement: str | None, channel_name: str | None, person: str | None, token: str
) -> "tuple[list[tuple[Campaign, Settlement]], list[str]]":
    """Send settlements; return them as stored afterwards, and one line for each that failed."""
    from ops.payout_channels import payout_channel

    payout_channel(runtime.read_settings(), channel_name)  # report missing settings before opening the database
    body = {"channel": channel_name} if channel_name else {}
    async with runtime.open_session(person, token) as session:
        ids = [settlement] if settlement else await _list_sendable(session)
        failures = [text for settlement_id in ids if (text := await _send_settlement(session, settlement_id, body))]
        return [await _read_with_campaign(session, settlement_id) for settlement_id in ids], failures


async def _send_settlement(session: "runtime.Session", settlement_id: str, body: dict[str, str]) -> str | None:
    """Send a settlement; return the failure of the call after the commit in one line, else None."""
    try:
        await session.execute("settlement.send", settlement_id, body)
    except AfterCommitFailed as failure:
        return str(failure)
    return None


async def _list_sendable(session: "runtime.Session") -> list[str]:
    from campaigns.catalogue import cache
    from ledger.settlements.model import list_settlements

    async with session.pool.acquire() as conn:
        campaigns = await cache.load_campaigns(conn, session.keys.pseudonym)
        settlements = await list_settlements(conn)
    return [e.settlement_id for e in settlements if payouts_output.is_sendable(campaigns[e.campaign], e)]


@app.command()
def export(
    settlement: SettlementId,
    folder: Annotated[Path, typer.Option(file_okay=False, help="The folder for the files.")] = Path(),
    as_json: runtime.AsJson = False,
) -> None:
    """Write the bank messages of a settlement to files, byte for byte as composed."""
    written = [_write_message(folder, message) for message in runtime.run_to_end(_read_messages(settlement))]
    if as_json:
        printing.show_json({"files": written})
        return
    for file in written:
        typer.echo(f"{file['sha256']}  {file['file']}")
    if not written:
        typer.echo("no message has been composed yet")


async def _read_messages(settlement: str) -> "list[Message]":
    from ledger.payouts.sending import list_messages
    from sql.replication import wait_until_replicated

    async with runtime.open_session() as session:
        await _read_with_campaign(session, settlement)  # NotFound
        async with session.pool.acquire() as conn:
            messages = await list_messages(conn, settlement)
            await wait_until_replicated(conn)  # a person takes these files to the bank
            return messages


def _write_message(folder: Path, message: "Message") -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "xml" if message.body.startswith(b"<?xml") else "json"
    path = folder / f"{message.message_id}.{suffix}"
    path.write_bytes(message.body)
    return {"file": str(path), "sha256": sha256(message.body).hexdigest()}


@app.command()
def record_result(
    payout: runtime.PayoutId,
    reference: Annotated[str | None, typer.Option(help="The bank's reference: the bank accepted it.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The bank's file as evidence.")
    ] = None,
    refusal_reason: Annotated[str | None, typer.Option(help="The bank's reason: the bank refused it.")] = None,
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Record the result of a payout that is being sent: the bank's reference, or its reason to refuse.

    A payout that was sent takes a refusal only.
    """
    if (reference is None) == (refusal_reason is None):
        raise typer.BadParameter("give either --reference or --refusal-reason")
    fields = {"bank_reference": reference, "refusal_reason": refusal_reason}
    fields["evidence"] = sha256(file.read_bytes()).hexdigest() if file else None
    body = {name: value for name, value in fields.items() if value is not None}
    _print_settlement(
        runtime.run_to_end(
            _execute_and_read("payout.record-result", payout, body, person, runtime.prompt_token(person, token))
        ),
        as_json=as_json,
    )


@app.command()
def cancel(
    settlement: SettlementId,
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Cancel a settlement before any payout was sent; the next period takes its money."""
    _print_settlement(
        runtime.run_to_end(
            _execute_and_read("settlement.cancel", settlement, {}, person, runtime.prompt_token(person, token))
        ),
        as_json=as_json,
    )


@app.command()
def retry(
    payout: runtime.PayoutId,
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Retry a returned payout, to the charity's current account."""
    _print_settlement(
        runtime.run_to_end(
            _execute_and_read("payout.retry", payout, {}, person, runtime.prompt_token(person, token))
        ),
        as_json=as_json,
    )


app.command("import-statement")(statements.import_statement)
app.command("unmatched")(statements.list_unmatched)
app.command("match")(statements.match_line)
app.command("review-status")(statements.review_status)
