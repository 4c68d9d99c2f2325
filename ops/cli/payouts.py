"""`like-ledger payouts`: look at settlements, approve and send them, and take in what banks say."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import payouts_view, shared, statements

if TYPE_CHECKING:
    from campaigns.catalogue import Campaign
    from ledger.channels import Message
    from ledger.envelopes import Envelope
    from sql import Connection

app = typer.Typer(no_args_is_help=True, help="Payouts: what settlements send to charities.")

Settlement = Annotated[str, typer.Argument(help="The settlement's id, stl_…")]


@app.command("list")
def list_payouts(
    slug: Annotated[str | None, typer.Argument(help="The campaign; left out: every campaign.")] = None,
    as_json: shared.AsJson = False,
) -> None:
    """List settlements and their payouts, with the hash that an approval names."""
    found = shared.run(_list(slug))
    if as_json:
        shared.show_json({"settlements": [payouts_view.shown(campaign, e) for campaign, e in found]})
    else:
        payouts_view.show_table(found)


async def _list(slug: str | None) -> "list[tuple[Campaign, Envelope]]":
    from campaigns import catalogue
    from campaigns.refusals import NotFound
    from ledger.envelopes import envelopes

    async with shared.opened() as own, own.pool.acquire() as conn:
        known = (await catalogue.load(conn, own.keys.pseudonym)).campaigns
        if slug is not None and slug not in known:
            raise NotFound(f"there is no campaign {slug!r}")
        return [(known[e.campaign], e) for e in await envelopes(conn, [slug] if slug else None)]


@app.command()
def approve(
    settlement: Settlement,
    name: Annotated[str, typer.Option("--as", help="Who approves: their token is asked for.")],
    token: shared.Token,
    approved: Annotated[
        str | None, typer.Option("--hash", help="What is approved, as `list` shows it; left out: it is asked.")
    ] = None,
    as_json: shared.AsJson = False,
) -> None:
    """Approve what a settlement would send; above its threshold it takes different people, never who made it."""
    if approved is None:
        campaign, envelope = shared.run(_find(settlement))
        payouts_view.show_table([(campaign, envelope)], to_stderr=True)
        typer.confirm(f"Approve {envelope.hash.hex()}?", abort=True, err=True)
        approved = envelope.hash.hex()
    _say(shared.run(_approve(settlement, approved, name, token)), as_json=as_json)


def _say(found: "tuple[Campaign, Envelope]", *, as_json: bool) -> None:
    if as_json:
        shared.show_json(payouts_view.shown(*found))
    else:
        payouts_view.show_table([found])


async def _find(settlement: str) -> "tuple[Campaign, Envelope]":
    async with shared.opened() as own, own.pool.acquire() as conn:
        return await _with_campaign(conn, own.keys.pseudonym, settlement)


async def _with_campaign(conn: "Connection", pseudonym_key: bytes, settlement: str) -> "tuple[Campaign, Envelope]":
    from campaigns import catalogue
    from campaigns.refusals import NotFound
    from ledger.envelopes import envelopes

    found = await envelopes(conn, settlement_id=settlement)
    if not found:
        raise NotFound(f"there is no settlement {settlement!r}")
    return (await catalogue.read(conn, pseudonym_key)).campaigns[found[0].campaign], found[0]


async def _approve(settlement: str, approved: str, name: str, token: str) -> "tuple[Campaign, Envelope]":
    from ledger import approvals
    from ledger.errors import SettlementRefused
    from ops.admin import tokens
    from ops.clock import utc_now

    try:
        digest = bytes.fromhex(approved)
    except ValueError:
        raise SettlementRefused("a hash is written in hexadecimal digits") from None
    async with shared.opened() as own, own.pool.acquire() as conn:
        async with conn.transaction():
            person = await tokens.holder(conn, token, name, tokens.CLERKS, utc_now())
            await approvals.approve(conn, settlement, digest, person.name, utc_now())
        return await _with_campaign(conn, own.keys.pseudonym, settlement)


@app.command()
def send(
    settlement: Annotated[str | None, typer.Argument(help="The settlement's id; left out: all that may go.")] = None,
    channel: Annotated[
        str | None, typer.Option(help="manual, pain001 or http; left out: LIKE_LEDGER_PAYOUT_CHANNEL.")
    ] = None,
    by: shared.By = "command line",
    as_json: shared.AsJson = False,
) -> None:
    """Send what is approved, after finding out about what may have been sent. Again: sends nothing twice."""
    sent = shared.run(_send(settlement, channel, by))
    if as_json:
        shared.show_json({"settlements": [payouts_view.shown(campaign, e) for campaign, e in sent]})
    elif sent:
        payouts_view.show_table(sent)
    else:
        typer.echo("nothing to send")


async def _send(settlement: str | None, name: str | None, by: str) -> "list[tuple[Campaign, Envelope]]":
    from campaigns.settlements import rules
    from ledger import payouts
    from ops.channels import channel
    from ops.clock import utc_now

    chosen = channel(shared.settings(), name)
    async with shared.opened() as own:
        async with own.pool.acquire() as conn:
            asked = [await _with_campaign(conn, own.keys.pseudonym, settlement)] if settlement else None
        found = asked or [(c, e) for c, e in await _list(None) if payouts_view.may_be_sent(c, e)]
        return [(c, await payouts.send(own.pool, chosen, e.settlement_id, rules(c), by, utc_now())) for c, e in found]


@app.command()
def export(
    settlement: Settlement,
    folder: Annotated[Path, typer.Option(file_okay=False, help="Where the files go.")] = Path(),
    as_json: shared.AsJson = False,
) -> None:
    """Write a settlement's messages to files again, byte for byte as they were made for the bank."""
    written = [_written(folder, message) for message in shared.run(_messages(settlement))]
    if as_json:
        shared.show_json({"files": written})
    for file in [] if as_json else written:
        typer.echo(f"{file['sha256']}  {file['file']}")


async def _messages(settlement: str) -> "list[Message]":
    from ledger.payouts import messages

    async with shared.opened() as own, own.pool.acquire() as conn:
        return await messages(conn, settlement)


def _written(folder: Path, message: "Message") -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "xml" if message.body.startswith(b"<?xml") else "json"
    path = folder / f"{message.message_id}.{suffix}"
    path.write_bytes(message.body)
    return {"file": str(path), "sha256": sha256(message.body).hexdigest()}


@app.command()
def answer(
    payout: shared.PayoutId,
    reference: Annotated[str | None, typer.Option(help="The bank's own reference: it was sent.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The bank's file that shows it.")
    ] = None,
    refused: Annotated[str | None, typer.Option(help="Why it was not sent.")] = None,
    by: shared.By = "command line",
    as_json: shared.AsJson = False,
) -> None:
    """Enter what you know of a payout that is being sent: the bank's reference, or why it was refused."""
    if (reference is None) == (refused is None):
        raise typer.BadParameter("give either --reference or --refused")
    digest = sha256(file.read_bytes()).digest() if file else None
    _say(shared.run(_answer(payout, reference, refused, digest, by)), as_json=as_json)


async def _answer(
    payout: str, reference: str | None, refused: str | None, digest: bytes | None, by: str
) -> "tuple[Campaign, Envelope]":
    from ledger import changes
    from ledger.channels import Answer, Outcome
    from ops.clock import utc_now

    outcome = Outcome.ACCEPTED if reference else Outcome.REFUSED
    async with shared.opened() as own, own.pool.acquire() as conn:
        async with conn.transaction():
            said = Answer(outcome, reference, refused)
            envelope = await changes.answer_by_hand(conn, payout, said, by, utc_now(), digest)
        return await _with_campaign(conn, own.keys.pseudonym, envelope.settlement_id)


@app.command()
def cancel(settlement: Settlement, by: shared.By = "command line", as_json: shared.AsJson = False) -> None:
    """Cancel a settlement of which nothing was sent; the next period takes its money."""
    _say(shared.run(_cancel(settlement, by)), as_json=as_json)


async def _cancel(settlement: str, by: str) -> "tuple[Campaign, Envelope]":
    from campaigns import settling
    from ops.clock import utc_now

    async with shared.opened() as own, own.pool.acquire() as conn:
        campaign, _ = await _with_campaign(conn, own.keys.pseudonym, settlement)
        async with conn.transaction():
            return campaign, await settling.cancel(conn, campaign, settlement, by, utc_now())


@app.command()
def again(payout: shared.PayoutId, by: shared.By = "command line", as_json: shared.AsJson = False) -> None:
    """Let a payout that came back be tried again, to the account that the newest terms name."""
    _say(shared.run(_again(payout, by)), as_json=as_json)


async def _again(payout: str, by: str) -> "tuple[Campaign, Envelope]":
    from campaigns import catalogue
    from campaigns.settling import payees
    from ledger import changes
    from ops.clock import utc_now

    async with shared.opened() as own, own.pool.acquire() as conn:
        known = (await catalogue.load(conn, own.keys.pseudonym)).campaigns
        async with conn.transaction():
            envelope, found = await changes.find_payout(conn, payout)
            campaign = known[envelope.campaign]
            return campaign, await changes.again(conn, payout, payees(campaign)[found.charity], by, utc_now())


app.command("import-statement")(statements.import_statement)
app.command()(statements.unmatched)
app.command("match")(statements.match_line)
