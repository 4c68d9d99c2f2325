"""Bring a database up to date: every migration once, in order, under one lock; an edited one is refused.

Ours because the runners that exist are unsafe when several instances start at once, or do not see that a
file was edited after it was applied (`ops/decisions/0003-migration-runner.md`).
"""

from dataclasses import dataclass

import asyncpg

import sql

NEWEST_SERVER = 18
OLDEST_SERVER = 15


class MigrationRefused(Exception):
    """The database and the files do not fit together; the message says what to do."""


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """What the database has and what it still needs."""

    applied: list[sql.Script]
    pending: list[sql.Script]


def migration_version(script: sql.Script) -> int:
    """Return the version that a migration's file name opens with: 1 for `0001_foundation`."""
    return int(script.name.split("_")[0])


def plan_migrations(files: list[sql.Script], applied: dict[int, bytes]) -> MigrationPlan:
    """Compare the files with what was applied (version: digest); MigrationRefused where they cannot fit."""
    numbers = [migration_version(file) for file in files]
    if numbers != list(range(1, len(files) + 1)):
        raise MigrationRefused(f"migrations must be numbered 1, 2, 3 … without a gap; found {numbers}")
    if applied and max(applied) > len(files):
        newest = f"the database is at version {max(applied)}, this program knows {len(files)}"
        raise MigrationRefused(f"{newest}: run the newer program, or restore an older backup")
    edited = [f.name for f in files if applied.get(migration_version(f), f.digest) != f.digest]
    if edited:
        raise MigrationRefused(f"{', '.join(edited)}: edited after it was applied; undo the edit, add a new file")
    pending = [file for file in files if migration_version(file) not in applied]
    if pending and applied and migration_version(pending[0]) <= max(applied):
        raise MigrationRefused(f"{pending[0].name} was skipped before: the database's history has a gap")
    return MigrationPlan([f for f in files if migration_version(f) in applied], pending)


async def read_applied(conn: sql.Connection) -> dict[int, bytes]:
    """Return version and digest of every migration that the database has had; empty for a new database."""
    if await conn.fetchval(sql.query("find_schema_migrations")) is None:
        return {}
    return {row["version"]: row["digest"] for row in await conn.fetch(sql.query("list_migrations"))}


async def read_plan(conn: sql.Connection) -> MigrationPlan:
    """Return what `migrate` would do; changes nothing."""
    server = conn.get_server_version().major
    if not OLDEST_SERVER <= server <= NEWEST_SERVER:
        supported = f"PostgreSQL {OLDEST_SERVER} to {NEWEST_SERVER}"
        raise MigrationRefused(f"the server is PostgreSQL {server}; {supported} is supported")
    return plan_migrations(sql.scripts("migrations"), await read_applied(conn))


async def _apply_pending(conn: sql.Connection, pending: list[sql.Script]) -> None:
    await conn.execute(sql.query("create_schema_migrations"))
    for file in pending:
        await conn.execute(file.text)
        await conn.execute(sql.query("add_migration"), migration_version(file), file.name, file.digest)
    await conn.execute(sql.script("roles").text)


async def migrate(dsn: str) -> MigrationPlan:
    """Apply what is pending, all or nothing; return what was there and what was applied."""
    conn = await asyncpg.connect(dsn)
    try:
        async with conn.transaction():
            await conn.execute(sql.query("lock_migrations"))
            found = await read_plan(conn)
            if found.pending:  # a role that owns nothing may look whether there is anything to do
                await _apply_pending(conn, found.pending)
    finally:
        await conn.close()
    return found
