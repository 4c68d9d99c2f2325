"""A service with an entry of every kind, for tests that call every operation."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from admin_client import AdminClient, create_tokens
from browser_client import BrowserClient
from campaigns.authenticity.ruleset import default_file
from campaigns.catalogue import cache
from campaigns.review.appeals import open_appeals
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops.admin import registry
from ops.clock import utc_now
from ops.http.openapi.examples import PROMISE_JSON
from reviewed_cases import open_case, send_likes, store_rules
from running_service import DAY, SLUG, RunningService, create_funded_campaign, like, promise, running_service
from status_reports import status_report, transfer_status

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of this test's payment service
UNREACHABLE_URL = "http://127.0.0.1:9/payouts"  # the payment service never responds, so payouts stay unknown
ISSUING = "stars"  # a platform that issues its secrets
JUDGED_SLUG = "judged"  # a campaign with the shipped rules
RUNNING_SLUG = "forest"  # a campaign that runs today; the other one ended long ago


@asynccontextmanager
async def staged_service(dsn: str) -> AsyncIterator[dict[str, Any]]:
    """Yield the service's URL, its secrets, and the entries by the names of path parameters."""
    channel = {"payout_secret": SECRET, "payout_url": UNREACHABLE_URL, "payout_channel": "http"}
    async with running_service(dsn, promise(), trusted_proxies=1, **channel) as server:
        pool, now = server.service.pool, utc_now()
        await create_tokens(pool)
        today = {"slug": RUNNING_SLUG, "starts_at": now - timedelta(days=9), "ends_at": now + timedelta(days=90)}
        await create_funded_campaign(pool, promise(campaign=today))
        judged = promise(campaign={**today, "slug": JUDGED_SLUG}, rules="standard")
        await create_funded_campaign(pool, judged)
        issuing = {"name": ISSUING, "kind": "github-star", "issued": {"secret": "from-the-platform"}}
        await AdminClient(server, "olga").run_command("/platforms", issuing)
        secrets = {"secret": server.secret, "payout_secret": SECRET}
        entries = {
            **await _send_likes(server),
            **await _create_settlements(server),
            **await _create_proposals(server),
            **await _read_registers(server),
            **await _open_cases(server),
        }
        constants = {"promise": json.loads(PROMISE_JSON), "running": RUNNING_SLUG, "issuing": ISSUING}
        constants |= {"rules": {"campaign": JUDGED_SLUG, "file": default_file().decode()}}
        yield {"url": server.url, **secrets, **entries, **constants, "cursors": await _read_cursors(server)}


async def _send_likes(server: RunningService) -> dict[str, Any]:
    response = await server.send([like(str(n)) for n in range(300)], results="all")
    await server.sequence()
    size = (await server.get("/log/checkpoint")).body.split(b"\n")[1].decode()
    receipt = response.json["results"][0]["receipt"]
    return {"receipt": receipt, "schema": "count-1.json", "level": "entries", "index": f"000.p/{size}"}


async def _create_settlements(server: RunningService) -> dict[str, Any]:
    """Create a sent settlement, a statement line of one payout, and a pending settlement."""
    fay = AdminClient(server, "fay")
    settlement = await _make_settlement(fay, "2022-04-18")
    _, detail = await fay.read(f"/settlements/{settlement}")
    for person in ("fred", "olga"):
        await AdminClient(server, person).run_command(f"/settlements/{settlement}/approve", {"hash": detail["hash"]})
    await fay.run_command(f"/settlements/{settlement}/send")
    first, second = detail["payouts"]
    await fay.send_file("/statements", _statement_csv(second["amount"]["text"]))
    _, lines = await fay.read("/statement-lines")
    await fay.send_file("/statements", status_report("X-1", transfer_status("X-2", "RJCT", "AC04")))
    _, statuses = await fay.read("/payment-statuses", unmatched="true")
    await server.send([like(str(n), "later", at=DAY + timedelta(days=5)) for n in range(90)])
    await server.tick()
    pending_id = await _make_settlement(fay, "2022-04-25")
    _, pending = await fay.read(f"/settlements/{pending_id}")
    message = await server.service.pool.fetchval("SELECT min(message_id) FROM payout_messages")
    return {
        "settlement": settlement,
        "payout": first["payout"],
        "matched": second["payout"],
        "message": message,
        "line": lines["lines"][0]["id"],
        "status": statuses["statuses"][0]["id"],
        "pending_settlement": pending_id,
        "pending_settlement_hash": pending["hash"],
    }


async def _make_settlement(fay: AdminClient, upto: str) -> str:
    _, response = await fay.run_command(f"/campaigns/{SLUG}/settlements", {"upto": upto})
    return str(next(iter(response["after"])))


def _statement_csv(amount: str) -> bytes:
    """Return a statement with an entry that no rule matches: it names no payout."""
    rows = [
        ",".join(COLUMNS),
        "1,S,opening,2026-11-10,0.00,CNY,credit,,,,",
        f"1,S,entry,2026-11-10,{amount},CNY,debit,,,,a transfer",
        f"1,S,closing,2026-11-10,{amount},CNY,debit,,,,",
    ]
    return "\r\n".join(rows).encode()


async def _create_proposals(server: RunningService) -> dict[str, Any]:
    """Create proposals of another person and of the fuzzer's person, and a content upload."""
    path, entries = f"/campaigns/{SLUG}/funding", dict[str, Any]()
    for name, person in (("proposal", "fay"), ("withdrawable_proposal", "olga")):
        _, response = await AdminClient(server, person).run_command(
            path, {"amount_minor": 100, "reference": f"of {person}"}
        )
        _, detail = await AdminClient(server, person).read(f"/proposals/{response['proposal']}")
        entries |= {name: response["proposal"], f"{name}_hash": detail["hash"]}
    file = f"/campaigns/{SLUG}/content/enrol/file"
    _, response = await AdminClient(server, "cat").send_file(file, b"1\n2\n3\n", kind="text/csv")
    return {**entries, "upload": response["after"]["upload"]}


async def _open_cases(server: RunningService) -> dict[str, Any]:
    """Open two cases of held likes with an appeal each, and return the first."""
    await store_rules(server)
    names = [
        await open_case(server, await send_likes(server, [f"{name} {n}" for n in range(6)], name))
        for name in ("phone", "tablet")
    ]
    async with server.service.pool.acquire() as conn, conn.transaction():
        catalogue = await cache.read_catalogue(conn, server.service.keys.pseudonym)
        likes = [
            {"campaign": SLUG, "content": name, "person": f"{name} 0", "message": "I did like it."}
            for name in ("phone", "tablet")
        ]
        results = await open_appeals(conn, likes, catalogue.platforms[server.platform], catalogue, utc_now())
    return {"case": names[0], "appeal": results[0]["appeal"]}


async def _read_registers(server: RunningService) -> dict[str, Any]:
    """Return the names in the registers; two people have sessions, one of them also the token."""
    for person in ("cat", "fay"):
        await BrowserClient(server, server.http).sign_in(person)
    _, sponsors = await AdminClient(server, "olga").read("/sponsors")
    return {
        "slug": SLUG,
        "platform": server.platform,
        "charity": "village-schools",
        "sponsor": sponsors["sponsors"][0]["sponsor"],
        "name": "cat",
        "file": "style.css",
    }


async def _read_cursors(server: RunningService) -> dict[str, str]:
    """Return the cursor of each list with more than one row, by its path."""
    olga, cursors = AdminClient(server, "olga"), dict[str, str]()
    for list_endpoint in registry.LIST_ENDPOINTS:
        _, page = await olga.read(list_endpoint.path, limit="1")
        if page["next"]:
            cursors[f"/v1/admin{list_endpoint.path}"] = page["next"]
    return cursors
