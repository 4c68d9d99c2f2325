"""The migration that fills the registers from existing promises, and refuses ambiguous accounts."""

import json
from typing import Any

import asyncpg
import pytest

import sql
from campaigns.catalogue.sponsors import derive_sponsor_id
from ops.migrate import migrate, migration_version

BEFORE = next(migration_version(file) for file in sql.scripts("migrations") if file.name.endswith("_registers"))


def terms(charity: str, account: str) -> str:
    beneficiary = {
        "charity": charity,
        "name": {"zh": "村", "en": "Village"},
        "account": {"scheme": "other", "id": account},
    }
    return json.dumps({"beneficiaries": [beneficiary]})


async def migrate_with_terms(
    dsn: str, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, int, str, Any]]
) -> None:
    """Insert terms (slug, version, account, closed at) in the version before, then migrate."""
    files = sql.scripts("migrations")
    with monkeypatch.context() as patched:
        patched.setattr(sql, "scripts", lambda _: files[: BEFORE - 1])
        patched.setattr(sql, "script", lambda _: sql.Script("roles", "SELECT 1"))
        await migrate(dsn)
    conn = await asyncpg.connect(dsn)
    for slug, version, account, closed_at in rows:
        promise = json.dumps({"campaign": {"sponsor": "基金会"}})
        await conn.execute(
            """INSERT INTO campaigns (slug, promise, currency, floor_minor, closed_at)
            VALUES ($1, $2, 'CNY', 0, $3::text::timestamptz) ON CONFLICT DO NOTHING""",
            *(slug, promise, closed_at),
        )
        await conn.execute(
            """INSERT INTO terms (campaign_id, version, from_day, promise, amount_minor, per_likes)
            SELECT campaign_id, $2, '2026-11-01', $3, 1, 3 FROM campaigns WHERE slug = $1""",
            *(slug, version, terms("village", account)),
        )
    await conn.close()
    await migrate(dsn)


async def test_the_newest_terms_of_open_campaigns_fill_the_registers(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = "2026-11-02T00:00:00Z"
    rows = [("a", 1, "old", None), ("a", 2, "new", None), ("closed", 1, "newest", closed)]
    await migrate_with_terms(empty_dsn, monkeypatch, rows)
    conn = await asyncpg.connect(empty_dsn)
    assert await conn.fetchval("SELECT string_agg(account ->> 'id', ' ') FROM charities") == "new"
    [sponsor] = await conn.fetch("SELECT sponsor_id, name FROM sponsors JOIN sponsor_names USING (sponsor_id, name)")
    await conn.close()
    assert tuple(sponsor) == (derive_sponsor_id("基金会"), "基金会")


async def test_two_accounts_of_a_charity_are_refused(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(asyncpg.RaiseError, match="village has different accounts in a, b"):
        await migrate_with_terms(empty_dsn, monkeypatch, [("a", 1, "one", None), ("b", 1, "two", None)])
