"""Migrations: each once, in order, under one lock; together they equal `sql/schema.sql`."""

import asyncio

import asyncpg
import pytest

import sql
from catalog import catalog
from ops.migrate import MigrationRefused, migrate, migration_version, plan_migrations
from sql import Script


def _files(count: int) -> list[Script]:
    return [Script(f"{n:04}_step", f"-- {n}") for n in range(1, count + 1)]


async def test_the_schema_file_equals_the_migrations(dsn: str, empty_dsn: str) -> None:
    migrated, built = await asyncpg.connect(dsn), await asyncpg.connect(empty_dsn)
    await built.execute(sql.script("schema").text)
    by_migrations, by_file = await catalog(migrated), await catalog(built)
    await asyncio.gather(migrated.close(), built.close())
    for part, rows in by_migrations.items():
        assert rows == by_file[part], part


async def test_every_query_prepares(dsn: str) -> None:
    conn = await asyncpg.connect(dsn, server_settings={"role": "like_ledger_service"})
    failures = {}
    for name, text in sql.queries().items():
        try:
            await conn.prepare(text)
        except asyncpg.PostgresError as error:
            failures[name] = str(error)
    await conn.close()
    assert failures == {}


async def test_every_check_prepares(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    assert sql.scripts("checks")
    for check in sql.scripts("checks"):
        await conn.prepare(check.text)
    await conn.close()


async def test_five_instances_migrate_at_once(empty_dsn: str) -> None:
    plans = await asyncio.gather(*(migrate(empty_dsn) for _ in range(5)))
    assert sorted(len(plan.pending) for plan in plans) == [0, 0, 0, 0, len(sql.scripts("migrations"))]


async def test_a_migration_that_fails_leaves_nothing(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [*sql.scripts("migrations"), Script("9999_broken", "CREATE TABLE left_over (); SELECT 1 / 0")]
    broken[-1] = Script(f"{len(broken):04}_broken", broken[-1].text)
    monkeypatch.setattr(sql, "scripts", lambda _: broken)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_dsn)
    conn = await asyncpg.connect(empty_dsn)
    assert await conn.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0
    await conn.close()


async def test_an_edited_migration_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = [Script(file.name, file.text + "\n-- edited") for file in sql.scripts("migrations")]
    monkeypatch.setattr(sql, "scripts", lambda _: edited)
    with pytest.raises(MigrationRefused, match="edited after it was applied"):
        await migrate(dsn)


CASES = [
    ("nothing applied", _files(2), {}, 2),
    ("all applied", _files(2), {1: _files(1)[0].digest, 2: _files(2)[1].digest}, 0),
    ("one new", _files(3), {1: _files(1)[0].digest, 2: _files(2)[1].digest}, 1),
]


@pytest.mark.parametrize(("files", "applied", "pending"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_pending_migrations(files: list[Script], applied: dict[int, bytes], pending: int) -> None:
    plan = plan_migrations(files, applied)
    assert [migration_version(f) for f in plan.pending] == [migration_version(f) for f in files][
        len(files) - pending :
    ]


REFUSED = [
    ("a gap in the files", [_files(3)[0], _files(3)[2]], {}, "without a gap"),
    ("a newer database", _files(1), {1: _files(1)[0].digest, 2: b"?"}, "run the newer program"),
    ("a gap in the history", _files(2), {2: _files(2)[1].digest}, "skipped"),
]


@pytest.mark.parametrize(("files", "applied", "message"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_mismatch_is_refused(files: list[Script], applied: dict[int, bytes], message: str) -> None:
    with pytest.raises(MigrationRefused, match=message):
        plan_migrations(files, applied)
