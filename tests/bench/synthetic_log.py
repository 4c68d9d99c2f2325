"""A database with a long public log: alternating counts and pledges, appended by the sequencer."""

from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

import asyncpg

from ledger.log.note import make_signer
from ledger.publication import sequencer
from ledger.publication.outbox import leaf_body
from ops import database, log_export
from ops.clock import utc_now
from tests.bench.run import Bench
from tests.bench.stage import CROWD, KEY, LOG_ORIGIN

SIGNER = make_signer(LOG_ORIGIN, KEY)
_FIRST_DAY = date(2022, 4, 8)
_DAY_COUNT = 13
_LIKES = 300  # a tick; they earn 100 minor units at the benchmark's rate
_CHUNK = 20_000


def iterate_leaves(count: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield kind, subject and bytes of `count` leaves; each pair is a tick."""
    days: dict[str, int] = {}
    for number in range(1, count // 2 + 1):
        day = (_FIRST_DAY + timedelta(days=number % _DAY_COUNT)).isoformat()
        days[day] = days.get(day, 0) + _LIKES
        day_counts = {"day": day, "counted": days[day], "withdrawn": 0, "void": 0, "quarantined": 0, "low_quality": 0}
        root = sha256(str(number).encode()).hexdigest()
        body = {"campaign": CROWD, "days": [day_counts], "batches": [[number, _LIKES, root]]}
        yield "count", f"count/synthetic/{number}", leaf_body("count", body)
        transfer = {
            "transfer": str(uuid5(NAMESPACE_URL, f"synthetic/{number}")),
            "step": "pledge",
            "campaign": CROWD,
            "charity": "",
            "currency": "CNY",
            "amount_minor": _LIKES // 3,
            "corrects": None,
            "reference": "likes counted",
        }
        yield "transfer", f"transfer/synthetic/{number}", leaf_body("transfer", transfer)


async def fill(bench: Bench, dsn: str, count: int, title: str) -> int:
    """Append `count` leaves to the database's log; return the log's size."""
    task = bench.progress.add_task(title, total=count)
    conn = await asyncpg.connect(dsn)
    leaves = list(iterate_leaves(count))
    async with database.open_pool(dsn) as pool:
        for first in range(0, len(leaves), _CHUNK):
            chunk = leaves[first : first + _CHUNK]
            columns = list(zip(*chunk, strict=True))
            await conn.execute(
                """INSERT INTO leaf_queue (kind, subject, body)
                SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[])""",
                *columns,
            )
            await conn.execute("UPDATE leaf_queue SET queued_in = (leaf_id::text)::xid8 WHERE leaf_index IS NULL")
            head = await sequencer.sequence_leaves(pool, SIGNER, utc_now())
            bench.progress.advance(task, len(chunk))
    await conn.close()
    return head.size if head else 0


async def export(bench: Bench, dsn: str) -> None:
    """Write the log to the bench's folder `log`."""
    async with database.open_pool(dsn) as pool, pool.acquire() as conn:
        await log_export.export_log(conn, bench.folder / "log")
