"""`like-ledger payouts`: look at settlements, approve and send them, and take in what banks say."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import as_person, payouts_output, runtime, statements

if TYPE_CHECKING:
    from campaigns.catalogue.cache import Campaign
    from ledger.payouts.channels import Message
    from ledger.settlements.model import Settlement

app = typer.Typer(no_args_is_help=True, help="Payouts: what settlements send to charities.")

SettlementId = Annotated[str, typer.Argument(help="The settlement's id, stl_…")]


@app.command("list")
def list_payouts(
    slug: Annotated[str | None, typer.Argument(help="The campaign; left out: every campaign.")] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """List settlements and their payouts, with the hash that an approval names."""
    found = runtime.run_to_end(_list_settlements(slug))
    if as_json:
        runtime.show_json({"settlements": [payouts_output.settlement_json(campaign, e) for campaign, e in found]})
    else:
        payouts_output.show_settlements(found)


async def _list_settlements(slug: str | None) -> "list[tuple[Campaign, Settlement]]":
    from campaigns.catalogue import cache
    from campaigns.errors import NotFound
    from ledger.settlements.model import list_settlements

    async with runtime.open_session() as own, own.pool.acquire() as conn:
        known = await cache.load_campaigns(conn, own.keys.pseudonym)
        if slug is not None and slug not in known:
            raise NotFound(f"there is no campaign {slug!r}")
        return [(known[e.campaign], e) for e in await list_settlements(conn, [slug] if slug else None)]


@app.command()
def approve(
    settlement: SettlementId,
    person: Annotated[str, typer.Option("--as", help="Who approves: their token is asked for.")],
    token: runtime.PromptedToken,
    approved_hash: Annotated[
        str | None, typer.Option("--hash", help="What is approved, as `list` shows it; left out: it is asked.")
    ] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Approve what a settlement would send; above its threshold it takes different people, never who made it."""
    if approved_hash is None:
        campaign, envelope = runtime.run_to_end(_find_settlement(settlement))
        payouts_output.show_settlements([(campaign, envelope)], to_stderr=True)
        typer.confirm(f"Approve {envelope.hash.hex()}?", abort=True, err=True)
        approved_hash = envelope.hash.hex()
    asked = {"hash": approved_hash.lower()}
    _print_settlement(
        runtime.run_to_end(_execute_and_read("settlement.approve", settlement, asked, person, token)), as_json=as_json
    )


def _print_settlement(settlement: "tuple[Campaign, Settlement]", *, as_json: bool) -> None:
    if as_json:
        runtime.show_json(payouts_output.settlement_json(*settlement))
    else:
        payouts_output.show_settlements([settlement])


async def _find_settlement(settlement: str) -> "tuple[Campaign, Settlement]":
    async with as_person.open_person_session(None, "") as own:
        return await _read_with_campaign(own, settlement)


async def _read_with_campaign(session: "as_person.PersonSession", settlement: str) -> "tuple[Campaign, Settlement]":
    from campaigns.catalogue import cache
    from campaigns.errors import NotFound
    from ledger.settlements.model import list_settlements

    async with session.services.pool.acquire() as conn:
        found = await list_settlements(conn, settlement_id=settlement)
        if not found:
            raise NotFound(f"there is no settlement {settlement!r}")
        known = await cache.load_campaigns(conn, session.services.keys.pseudonym)
        return known[found[0].campaign], found[0]


async def _execute_and_read(
    command: str, subject_id: str, parameters: dict[str, str], person: str | None, token: str
) -> "tuple[Campaign, Settlement]":
    """Have a command about one settlement done, and return the settlement as it is then."""
    async with as_person.open_person_session(person, token) as own:
        answer = await own.execute(command, subject_id, parameters)
        return await _read_with_campaign(own, answer["subject"].removeprefix("settlement/"))


@app.command()
def send(
    settlement: Annotated[str | None, typer.Argument(help="The settlement's id; left out: all that may go.")] = None,
    channel: Annotated[
        str | None, typer.Option(help="manual, pain001 or http; left out: LIKE_LEDGER_PAYOUT_CHANNEL.")
    ] = None,
    person: as_person.AsPerson = None,
    token: as_person.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Send what is approved, after finding out about what may have been sent. Again: sends nothing twice."""
    sent = runtime.run_to_end(_send_settlements(settlement, channel, person, as_person.prompt_token(person, token)))
    if as_json:
        runtime.show_json({"settlements": [payouts_output.settlement_json(campaign, e) for campaign, e in sent]})
    elif sent:
        payouts_output.show_settlements(sent)
    else:
        typer.echo("nothing to send")


async def _send_settlements(
    settlement: str | None, channel_name: str | None, person: str | None, token: str
) -> "list[tuple[Campaign, Settlement]]":
    from ops.payout_channels import payout_channel

    payout_channel(runtime.read_settings(), channel_name)  # says what it needs before anything is looked for
    asked = {"channel": channel_name} if channel_name else {}
    async with as_person.open_person_session(person, token) as own:
        ids = [settlement] if settlement else await _list_sendable(own)
        for one in ids:
            await own.execute("settlement.send", one, asked)
        return [await _read_with_campaign(own, one) for one in ids]


async def _list_sendable(session: "as_person.PersonSession") -> list[str]:
    from campaigns.catalogue import cache
    from ledger.settlements.model import list_settlements

    async with session.services.pool.acquire() as conn:
        known = await cache.load_campaigns(conn, session.services.keys.pseudonym)
        found = await list_settlements(conn)
    return [e.settlement_id for e in found if payouts_output.is_sendable(known[e.campaign], e)]


@app.command()
def export(
    settlement: SettlementId,
    folder: Annotated[Path, typer.Option(file_okay=False, help="Where the files go.")] = Path(),
    as_json: runtime.AsJson = False,
) -> None:
    """Write a settlement's messages to files again, byte for byte as they were made for the bank."""
    written = [_write_message(folder, message) for message in runtime.run_to_end(_read_messages(settlement))]
    if as_json:
        runtime.show_json({"files": written})
        return
    for file in written:
        typer.echo(f"{file['sha256']}  {file['file']}")
    if not written:
        typer.echo("no message was made for a bank yet")


async def _read_messages(settlement: str) -> "list[Message]":
    from ledger.payouts.sending import list_messages

    async with as_person.open_person_session(None, "") as own:
        await _read_with_campaign(own, settlement)  # NotFound
        async with own.services.pool.acquire() as conn:
            return await list_messages(conn, settlement)


def _write_message(folder: Path, message: "Message") -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "xml" if message.body.startswith(b"<?xml") else "json"
    path = folder / f"{message.message_id}.{suffix}"
    path.write_bytes(message.body)
    return {"file": str(path), "sha256": sha256(message.body).hexdigest()}


@app.command()
def record_result(
    payout: runtime.PayoutId,
    reference: Annotated[str | None, typer.Option(help="The bank's own reference: it was sent.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The bank's file that shows it.")
    ] = None,
    refusal_reason: Annotated[str | None, typer.Option(help="Why it was not sent.")] = None,
    person: as_person.AsPerson = None,
    token: as_person.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Enter what you know of a payout that is being sent: the bank's reference, or why it was refused."""
    if (reference is None) == (refusal_reason is None):
        raise typer.BadParameter("give either --reference or --refused")
    known = {"bank_reference": reference, "refused": refusal_reason}
    known["evidence"] = sha256(file.read_bytes()).hexdigest() if file else None
    asked = {name: value for name, value in known.items() if value is not None}
    _print_settlement(
        runtime.run_to_end(
            _execute_and_read("payout.answer", payout, asked, person, as_person.prompt_token(person, token))
        ),
        as_json=as_json,
    )


@app.command()
def cancel(
    settlement: SettlementId,
    person: as_person.AsPerson = None,
    token: as_person.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Cancel a settlement of which nothing was sent; the next period takes its money."""
    _print_settlement(
        runtime.run_to_end(
            _execute_and_read("settlement.cancel", settlement, {}, person, as_person.prompt_token(person, token))
        ),
        as_json=as_json,
    )


@app.command()
def retry(
    payout: runtime.PayoutId,
    person: as_person.AsPerson = None,
    token: as_person.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Let a payout that came back be tried again, to the account that the charity has now."""
    _print_settlement(
        runtime.run_to_end(
            _execute_and_read("payout.again", payout, {}, person, as_person.prompt_token(person, token))
        ),
        as_json=as_json,
    )


app.command("import-statement")(statements.import_statement)
app.command()(statements.unmatched)
app.command("match")(statements.match_line)
