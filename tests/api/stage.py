"""A service in the middle of its life, for whoever tries every address: something of each kind is there."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from clerks import Clerk, hire
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops.admin import registry
from ops.clock import utc_now
from ops.http.openapi.examples import PROMISE_JSON
from serving import DAY, SLUG, Running, like, promise, promised, running
from visitors import Visitor

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of this test's payment service
NOWHERE = "http://127.0.0.1:9/payouts"  # a payment service that never answers: what became of a payout is unknown
RUNNING = "forest"  # a campaign that runs today; the other one ended long ago


@asynccontextmanager
async def staged(dsn: str) -> AsyncIterator[dict[str, Any]]:
    """Yield where the service is and what there is: names, each for whatever the address calls so."""
    payer = {"payout_secret": SECRET, "payout_url": NOWHERE, "payout_channel": "http"}
    async with running(dsn, promise(), trusted_proxies=1, **payer) as own:
        pool, now = own.service.pool, utc_now()
        await hire(pool)
        today = {"slug": RUNNING, "starts_at": now - timedelta(days=9), "ends_at": now + timedelta(days=90)}
        await promised(pool, promise(campaign=today))
        secrets = {"secret": own.secret, "payout_secret": SECRET}
        known = {**await _likes(own), **await _money(own), **await _asked(own), **await _registers(own)}
        about = {"promise": json.loads(PROMISE_JSON), "running": RUNNING, "cursors": await _cursors(own)}
        yield {"url": own.url, **secrets, **known, **about}


async def _likes(own: Running) -> dict[str, Any]:
    told = await own.send([like(str(n)) for n in range(300)], results="all")
    await own.sequence()
    size = (await own.get("/log/checkpoint")).body.split(b"\n")[1].decode()
    receipt = told.json["results"][0]["receipt"]
    return {"receipt": receipt, "schema": "count-1.json", "level": "entries", "index": f"000.p/{size}"}


async def _money(own: Running) -> dict[str, Any]:
    """A settlement whose payouts are being sent, a statement line of one of them, and a settlement that waits."""
    fay = Clerk(own, "fay")
    settlement = await _made(fay, "2022-04-18")
    _, shown = await fay.reads(f"/settlements/{settlement}")
    for person in ("fred", "olga"):
        await Clerk(own, person).gives(f"/settlements/{settlement}/approve", {"hash": shown["hash"]})
    await fay.gives(f"/settlements/{settlement}/send")
    first, second = shown["payouts"]
    await fay.sends("/statements", _statement(second["amount"]["text"]))
    _, lines = await fay.reads("/statement-lines")
    await own.send([like(str(n), "later", at=DAY + timedelta(days=5)) for n in range(90)])
    await own.tick()
    waits = await _made(fay, "2022-04-25")
    _, waiting = await fay.reads(f"/settlements/{waits}")
    message = await own.service.pool.fetchval("SELECT min(message_id) FROM payout_messages")
    told = {"settlement": settlement, "payout": first["payout"], "matched": second["payout"], "message": message}
    return {**told, "line": lines["lines"][0]["id"], "waits": waits, "waits_hash": waiting["hash"]}


async def _made(fay: Clerk, upto: str) -> str:
    _, made = await fay.gives(f"/campaigns/{SLUG}/settlements", {"upto": upto})
    return str(next(iter(made["after"])))


def _statement(amount: str) -> bytes:
    """A line that no rule can match: it has the amount of a payout, and names none."""
    rows = [
        ",".join(COLUMNS),
        "1,S,opening,2026-11-10,0.00,CNY,credit,,,,",
        f"1,S,entry,2026-11-10,{amount},CNY,debit,,,,a transfer",
        f"1,S,closing,2026-11-10,{amount},CNY,debit,,,,",
    ]
    return "\r\n".join(rows).encode()


async def _asked(own: Running) -> dict[str, Any]:
    """What waits for a second person, asked for by another and by whoever comes; a file of content."""
    path, found = f"/campaigns/{SLUG}/funding", dict[str, Any]()
    for name, person in (("proposal", "fay"), ("own_proposal", "olga")):
        _, answer = await Clerk(own, person).gives(path, {"amount_minor": 100, "reference": f"of {person}"})
        _, shown = await Clerk(own, person).reads(f"/proposals/{answer['proposal']}")
        found |= {name: answer["proposal"], f"{name}_hash": shown["hash"]}
    file = f"/campaigns/{SLUG}/content/enrol/file"
    _, sent = await Clerk(own, "cat").sends(file, b"1\n2\n3\n", kind="text/csv")
    return {**found, "upload": sent["after"]["upload"]}


async def _registers(own: Running) -> dict[str, Any]:
    """The names of what is there; of the people in two sessions one is the person of the tokens."""
    for person in ("cat", "fay"):
        await Visitor(own, own.http).signs_in(person)
    _, found = await Clerk(own, "olga").reads("/sponsors")
    return {
        "slug": SLUG,
        "platform": own.platform,
        "charity": "village-schools",
        "sponsor": found["sponsors"][0]["sponsor"],
        "name": "cat",
        "file": "style.css",
    }


async def _cursors(own: Running) -> dict[str, str]:
    """Return a cursor of each list that has more than one row, by its address."""
    olga, found = Clerk(own, "olga"), dict[str, str]()
    for listing in registry.LISTINGS:
        _, page = await olga.reads(listing.path, limit="1")
        if page["next"]:
            found[f"/v1/admin{listing.path}"] = page["next"]
    return found
