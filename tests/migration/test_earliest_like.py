"""Likes from before stand where they stood: no event that was received before may move one."""

from datetime import date

import asyncpg
import pytest

import sql
from ops.migrate import migrate, migration_version

BEFORE = next(migration_version(file) for file in sql.scripts("migrations") if file.name.endswith("_earliest_like"))
OLD_ROWS = """
INSERT INTO campaigns (slug, promise, currency, floor_minor)
VALUES ('harvest', '{"campaign": {"timezone": "Asia/Shanghai"}}', 'CNY', 0);
SELECT create_likes_partition(1);
INSERT INTO likes (batch_id, event_at, campaign_id, day, position, state, bucket, person, content) VALUES
    (1, '2026-11-23T04:00Z', 1, '2026-11-23', 0, 'counted', 0, decode(repeat('aa', 16), 'hex'), 'plain'),
    (1, '2026-11-25T04:00Z', 1, '2026-11-23', 1, 'counted', 0, decode(repeat('aa', 16), 'hex'), 'repeated later'),
    (1, '2026-11-23T05:00Z', 1, '2026-11-23', 2, 'withdrawn', 0, decode(repeat('aa', 16), 'hex'), 'withdrawn'),
    (1, '2026-11-23T06:00Z', 1, NULL, 3, 'withdrawn', 0, decode(repeat('aa', 16), 'hex'), 'only unliked'),
    (1, '2026-11-23T07:00Z', 1, '2026-11-23', 4, 'quarantined', 0, decode(repeat('aa', 16), 'hex'), 'suspect');
INSERT INTO person_days (campaign_id, day, live, bucket, person)
VALUES (1, '2026-11-23', 2, 0, decode(repeat('aa', 16), 'hex'));
"""
MIDNIGHT = "2026-11-22T16:00:00+00:00"
NEW_ROWS = {
    "plain": ("2026-11-23T04:00:00+00:00", None, False),
    "repeated later": (MIDNIGHT, "2026-11-25T04:00:00+00:00", False),
    "withdrawn": (MIDNIGHT, "2026-11-23T05:00:00+00:00", False),
    "only unliked": ("2026-11-23T06:00:00+00:00", None, False),
    "suspect": ("2026-11-23T07:00:00+00:00", None, True),
}


async def test_a_like_whose_earliest_time_is_unknown_stands_at_the_start_of_its_day(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sql.scripts("migrations")
    with monkeypatch.context() as patched:
        patched.setattr(sql, "scripts", lambda _: files[: BEFORE - 1])
        patched.setattr(sql, "script", lambda _: sql.Script("roles", "SELECT 1"))
        await migrate(empty_dsn)
    conn = await asyncpg.connect(empty_dsn)
    await conn.execute(OLD_ROWS)
    await migrate(empty_dsn)
    rows = await conn.fetch("SELECT content, event_at, latest_at, is_suspect FROM likes")
    found = {row[0]: (row[1].isoformat(), row[2].isoformat() if row[2] else None, row[3]) for row in rows}
    assert found == NEW_ROWS
    [(day, contents)] = await conn.fetch("SELECT day, contents FROM person_days")
    assert (day, sorted(contents)) == (date(2026, 11, 23), ["plain", "repeated later"])
    await conn.close()
