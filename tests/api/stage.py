"""A service in the middle of its life, for whoever tries every address: something of each kind is there."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from clerks import AdminClient, create_tokens
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops.admin import registry
from ops.clock import utc_now
from ops.http.openapi.examples import PROMISE_JSON
from serving import DAY, SLUG, RunningService, create_funded_campaign, like, promise, running_service
from visitors import BrowserClient

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of this test's payment service
UNREACHABLE_URL = (
    "http://127.0.0.1:9/payouts"  # a payment service that never answers: what became of a payout is unknown
)
RUNNING_SLUG = "forest"  # a campaign that runs today; the other one ended long ago


@asynccontextmanager
async def staged_service(dsn: str) -> AsyncIterator[dict[str, Any]]:
    """Yield where the service is and what there is: names, each for whatever the address calls so."""
    payer = {"payout_secret": SECRET, "payout_url": UNREACHABLE_URL, "payout_channel": "http"}
    async with running_service(dsn, promise(), trusted_proxies=1, **payer) as own:
        pool, now = own.service.pool, utc_now()
        await create_tokens(pool)
        today = {"slug": RUNNING_SLUG, "starts_at": now - timedelta(days=9), "ends_at": now + timedelta(days=90)}
        await create_funded_campaign(pool, promise(campaign=today))
        secrets = {"secret": own.secret, "payout_secret": SECRET}
        known = {
            **await _send_likes(own),
            **await _create_settlements(own),
            **await _create_proposals(own),
            **await _read_registers(own),
        }
        about = {"promise": json.loads(PROMISE_JSON), "running": RUNNING_SLUG, "cursors": await _read_cursors(own)}
        yield {"url": own.url, **secrets, **known, **about}


async def _send_likes(server: RunningService) -> dict[str, Any]:
    told = await server.send([like(str(n)) for n in range(300)], results="all")
    await server.sequence()
    size = (await server.get("/log/checkpoint")).body.split(b"\n")[1].decode()
    receipt = told.json["results"][0]["receipt"]
    return {"receipt": receipt, "schema": "count-1.json", "level": "entries", "index": f"000.p/{size}"}


async def _create_settlements(server: RunningService) -> dict[str, Any]:
    """A settlement whose payouts are being sent, a statement line of one of them, and a settlement that waits."""
    fay = AdminClient(server, "fay")
    settlement = await _make_settlement(fay, "2022-04-18")
    _, shown = await fay.read(f"/settlements/{settlement}")
    for person in ("fred", "olga"):
        await AdminClient(server, person).run_command(f"/settlements/{settlement}/approve", {"hash": shown["hash"]})
    await fay.run_command(f"/settlements/{settlement}/send")
    first, second = shown["payouts"]
    await fay.send_file("/statements", _statement_csv(second["amount"]["text"]))
    _, lines = await fay.read("/statement-lines")
    await server.send([like(str(n), "later", at=DAY + timedelta(days=5)) for n in range(90)])
    await server.tick()
    waits = await _make_settlement(fay, "2022-04-25")
    _, waiting = await fay.read(f"/settlements/{waits}")
    message = await server.service.pool.fetchval("SELECT min(message_id) FROM payout_messages")
    told = {"settlement": settlement, "payout": first["payout"], "matched": second["payout"], "message": message}
    return {**told, "line": lines["lines"][0]["id"], "waits": waits, "waits_hash": waiting["hash"]}


async def _make_settlement(fay: AdminClient, upto: str) -> str:
    _, made = await fay.run_command(f"/campaigns/{SLUG}/settlements", {"upto": upto})
    return str(next(iter(made["after"])))


def _statement_csv(amount: str) -> bytes:
    """A line that no rule can match: it has the amount of a payout, and names none."""
    rows = [
        ",".join(COLUMNS),
        "1,S,opening,2026-11-10,0.00,CNY,credit,,,,",
        f"1,S,entry,2026-11-10,{amount},CNY,debit,,,,a transfer",
        f"1,S,closing,2026-11-10,{amount},CNY,debit,,,,",
    ]
    return "\r\n".join(rows).encode()


async def _create_proposals(server: RunningService) -> dict[str, Any]:
    """What waits for a second person, asked for by another and by whoever comes; a file of content."""
    path, found = f"/campaigns/{SLUG}/funding", dict[str, Any]()
    for name, person in (("proposal", "fay"), ("own_proposal", "olga")):
        _, answer = await AdminClient(server, person).run_command(
            path, {"amount_minor": 100, "reference": f"of {person}"}
        )
        _, shown = await AdminClient(server, person).read(f"/proposals/{answer['proposal']}")
        found |= {name: answer["proposal"], f"{name}_hash": shown["hash"]}
    file = f"/campaigns/{SLUG}/content/enrol/file"
    _, sent = await AdminClient(server, "cat").send_file(file, b"1\n2\n3\n", kind="text/csv")
    return {**found, "upload": sent["after"]["upload"]}


async def _read_registers(server: RunningService) -> dict[str, Any]:
    """The names of what is there; of the people in two sessions one is the person of the tokens."""
    for person in ("cat", "fay"):
        await BrowserClient(server, server.http).sign_in(person)
    _, found = await AdminClient(server, "olga").read("/sponsors")
    return {
        "slug": SLUG,
        "platform": server.platform,
        "charity": "village-schools",
        "sponsor": found["sponsors"][0]["sponsor"],
        "name": "cat",
        "file": "style.css",
    }


async def _read_cursors(server: RunningService) -> dict[str, str]:
    """Return a cursor of each list that has more than one row, by its address."""
    olga, found = AdminClient(server, "olga"), dict[str, str]()
    for listing in registry.LIST_ENDPOINTS:
        _, page = await olga.read(listing.path, limit="1")
        if page["next"]:
            found[f"/v1/admin{listing.path}"] = page["next"]
    return found
