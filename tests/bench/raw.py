"""The raw rate: the same rows in the same table, sorted, over one connection."""

from time import perf_counter

import asyncpg

from tests.bench import crowd
from tests.bench.crowd import CrowdLike, Row
from tests.bench.stage import CROWD, KEY, PLATFORM

SIZES = (500, 1_000, 4_000)
_INSERT = """
    INSERT INTO likes (batch_id, event_at, campaign_id, day, position, state, bucket, person, content)
    SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::integer[], $4::date[], $5::integer[],
        $6::text[]::like_state[], $7::smallint[], $8::bytea[], $9::text[])
    ON CONFLICT DO NOTHING
"""


def _by_key(row: Row) -> tuple[str, bytes]:
    return row[8], row[7]


async def insert(conn: asyncpg.Connection, likes: list[CrowdLike], size: int) -> float:
    """Insert the likes in batches; return likes a second, without the time to build columns."""
    rows = crowd.rows(likes, KEY, CROWD, PLATFORM)
    batches = [
        list(zip(*sorted(rows[first : first + size], key=_by_key), strict=True))
        for first in range(0, len(rows), size)
    ]
    statement = await conn.prepare(_INSERT)
    started = perf_counter()
    for columns in batches:
        await statement.fetch(*columns)
    return len(likes) / (perf_counter() - started)
