"""The migration that gives registered accounts their salts, and keeps every row."""

import asyncpg
import pytest

import sql
from ops.migrate import migrate, migration_version

BEFORE = next(migration_version(file) for file in sql.scripts("migrations") if file.name.endswith("_privacy"))
OLD_ROWS = """
INSERT INTO charities (charity, name_zh, name_en, account) VALUES
    ('a', '甲', 'A', '{"iban": "GB82WEST12345698765432"}'),
    ('b', '乙', 'B', '{"scheme": "other", "id": "6222020200112233445"}'),
    ('c', '丙', 'C', '{"scheme": "other", "id": "6222020200112233445"}');
INSERT INTO campaigns (slug, promise, currency, floor_minor) VALUES ('harvest', '{}', 'CNY', 0);
INSERT INTO like_batches (batch_id, campaign_id, bucket, root, positions, leaves, tallies, nonces)
VALUES (1, 1, 0, sha256(''), '{0}', sha256(''), '{}', decode(repeat('00', 16), 'hex'));
"""


async def test_each_registered_number_gets_one_salt(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sql.scripts("migrations")
    with monkeypatch.context() as patched:
        patched.setattr(sql, "scripts", lambda _: files[: BEFORE - 1])
        patched.setattr(sql, "script", lambda _: sql.Script("roles", "SELECT 1"))
        await migrate(empty_dsn)
    conn = await asyncpg.connect(empty_dsn)
    await conn.execute(OLD_ROWS)
    await migrate(empty_dsn)
    salts = {row["number"]: row["salt"] for row in await conn.fetch("SELECT number, salt FROM account_salts")}
    assert salts.keys() == {"GB82WEST12345698765432", "6222020200112233445"}
    assert len(set(salts.values())) == 2
    assert all(len(bytes.fromhex(salt)) == 16 for salt in salts.values())
    assert await conn.fetchval("SELECT receipt_digests FROM like_batches") is None
    await conn.close()
