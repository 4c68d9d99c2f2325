"""`like-ledger payouts`: look at settlements, approve and send them, and take in what banks say."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import as_person, payouts_output, runtime, statements

if TYPE_CHECKING:
    from campaigns.catalogue.cache import Campaign
    from ledger.payouts.channels import Message
    from ledger.settlements.model import Envelope

app = typer.Typer(no_args_is_help=True, help="Payouts: what settlements send to charities.")

SettlementId = Annotated[str, typer.Argument(help="The settlement's id, stl_…")]


@app.command("list")
def list_payouts(
    slug: Annotated[str | None, typer.Argument(help="The campaign; left out: every campaign.")] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """List settlements and their payouts, with the hash that an approval names."""
    found = runtime.run(_list(slug))
    if as_json:
        runtime.show_json({"settlements": [payouts_output.shown(campaign, e) for campaign, e in found]})
    else:
        payouts_output.show_table(found)


async def _list(slug: str | None) -> "list[tuple[Campaign, Envelope]]":
    from campaigns.catalogue import cache
    from campaigns.errors import NotFound
    from ledger.settlements.model import envelopes

    async with runtime.opened() as own, own.pool.acquire() as conn:
        known = (await cache.load(conn, own.keys.pseudonym)).campaigns
        if slug is not None and slug not in known:
            raise NotFound(f"there is no campaign {slug!r}")
        return [(known[e.campaign], e) for e in await envelopes(conn, [slug] if slug else None)]


@app.command()
def approve(
    settlement: SettlementId,
    name: Annotated[str, typer.Option("--as", help="Who approves: their token is asked for.")],
    token: runtime.Token,
    approved: Annotated[
        str | None, typer.Option("--hash", help="What is approved, as `list` shows it; left out: it is asked.")
    ] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Approve what a settlement would send; above its threshold it takes different people, never who made it."""
    if approved is None:
        campaign, envelope = runtime.run(_find(settlement))
        payouts_output.show_table([(campaign, envelope)], to_stderr=True)
        typer.confirm(f"Approve {envelope.hash.hex()}?", abort=True, err=True)
        approved = envelope.hash.hex()
    asked = {"hash": approved.lower()}
    _say(runtime.run(_given("settlement.approve", settlement, asked, name, token)), as_json=as_json)


def _say(found: "tuple[Campaign, Envelope]", *, as_json: bool) -> None:
    if as_json:
        runtime.show_json(payouts_output.shown(*found))
    else:
        payouts_output.show_table([found])


async def _find(settlement: str) -> "tuple[Campaign, Envelope]":
    async with as_person.opened(None, "") as own:
        return await _with_campaign(own, settlement)


async def _with_campaign(own: "as_person.Door", settlement: str) -> "tuple[Campaign, Envelope]":
    from campaigns.catalogue import cache
    from campaigns.errors import NotFound
    from ledger.settlements.model import envelopes

    async with own.office.pool.acquire() as conn:
        found = await envelopes(conn, settlement_id=settlement)
        if not found:
            raise NotFound(f"there is no settlement {settlement!r}")
        known = (await cache.load(conn, own.office.keys.pseudonym)).campaigns
        return known[found[0].campaign], found[0]


async def _given(
    command: str, place: str, asked: dict[str, str], by: str | None, token: str
) -> "tuple[Campaign, Envelope]":
    """Have a command about one settlement done, and return the settlement as it is then."""
    async with as_person.opened(by, token) as own:
        answer = await own.give(command, place, asked)
        return await _with_campaign(own, answer["subject"].removeprefix("settlement/"))


@app.command()
def send(
    settlement: Annotated[str | None, typer.Argument(help="The settlement's id; left out: all that may go.")] = None,
    channel: Annotated[
        str | None, typer.Option(help="manual, pain001 or http; left out: LIKE_LEDGER_PAYOUT_CHANNEL.")
    ] = None,
    by: as_person.By = None,
    token: as_person.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Send what is approved, after finding out about what may have been sent. Again: sends nothing twice."""
    sent = runtime.run(_send(settlement, channel, by, as_person.token_of(by, token)))
    if as_json:
        runtime.show_json({"settlements": [payouts_output.shown(campaign, e) for campaign, e in sent]})
    elif sent:
        payouts_output.show_table(sent)
    else:
        typer.echo("nothing to send")


async def _send(
    settlement: str | None, name: str | None, by: str | None, token: str
) -> "list[tuple[Campaign, Envelope]]":
    from ops.payout_channels import channel

    channel(runtime.settings(), name)  # says what it needs before anything is looked for
    asked = {"channel": name} if name else {}
    async with as_person.opened(by, token) as own:
        ids = [settlement] if settlement else await _to_send(own)
        for one in ids:
            await own.give("settlement.send", one, asked)
        return [await _with_campaign(own, one) for one in ids]


async def _to_send(own: "as_person.Door") -> list[str]:
    from campaigns.catalogue import cache
    from ledger.settlements.model import envelopes

    async with own.office.pool.acquire() as conn:
        known = (await cache.load(conn, own.office.keys.pseudonym)).campaigns
        found = await envelopes(conn)
    return [e.settlement_id for e in found if payouts_output.may_be_sent(known[e.campaign], e)]


@app.command()
def export(
    settlement: SettlementId,
    folder: Annotated[Path, typer.Option(file_okay=False, help="Where the files go.")] = Path(),
    as_json: runtime.AsJson = False,
) -> None:
    """Write a settlement's messages to files again, byte for byte as they were made for the bank."""
    written = [_written(folder, message) for message in runtime.run(_messages(settlement))]
    if as_json:
        runtime.show_json({"files": written})
        return
    for file in written:
        typer.echo(f"{file['sha256']}  {file['file']}")
    if not written:
        typer.echo("no message was made for a bank yet")


async def _messages(settlement: str) -> "list[Message]":
    from ledger.payouts.sending import messages

    async with as_person.opened(None, "") as own:
        await _with_campaign(own, settlement)  # NotFound
        async with own.office.pool.acquire() as conn:
            return await messages(conn, settlement)


def _written(folder: Path, message: "Message") -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "xml" if message.body.startswith(b"<?xml") else "json"
    path = folder / f"{message.message_id}.{suffix}"
    path.write_bytes(message.body)
    return {"file": str(path), "sha256": sha256(message.body).hexdigest()}


@app.command()
def answer(
    payout: runtime.PayoutId,
    reference: Annotated[str | None, typer.Option(help="The bank's own reference: it was sent.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The bank's file that shows it.")
    ] = None,
    refused: Annotated[str | None, typer.Option(help="Why it was not sent.")] = None,
    by: as_person.By = None,
    token: as_person.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Enter what you know of a payout that is being sent: the bank's reference, or why it was refused."""
    if (reference is None) == (refused is None):
        raise typer.BadParameter("give either --reference or --refused")
    known = {"bank_reference": reference, "refused": refused}
    known["evidence"] = sha256(file.read_bytes()).hexdigest() if file else None
    asked = {name: value for name, value in known.items() if value is not None}
    _say(runtime.run(_given("payout.answer", payout, asked, by, as_person.token_of(by, token))), as_json=as_json)


@app.command()
def cancel(
    settlement: SettlementId, by: as_person.By = None, token: as_person.Token = None, as_json: runtime.AsJson = False
) -> None:
    """Cancel a settlement of which nothing was sent; the next period takes its money."""
    _say(runtime.run(_given("settlement.cancel", settlement, {}, by, as_person.token_of(by, token))), as_json=as_json)


@app.command()
def again(
    payout: runtime.PayoutId, by: as_person.By = None, token: as_person.Token = None, as_json: runtime.AsJson = False
) -> None:
    """Let a payout that came back be tried again, to the account that the charity has now."""
    _say(runtime.run(_given("payout.again", payout, {}, by, as_person.token_of(by, token))), as_json=as_json)


app.command("import-statement")(statements.import_statement)
app.command()(statements.unmatched)
app.command("match")(statements.match_line)
