"""Migrate a database: every file once, in order, under one lock; an edited file is refused.

Existing runners are unsafe when several instances start at once, or do not notice a file that was
edited after it was applied (`ops/decisions/0003-migration-runner.md`).
"""

from dataclasses import dataclass

import sql
from ops.database_hosts import connect
from ops.pooler import require_sessions

NEWEST_SERVER = 18
OLDEST_SERVER = 15


class MigrationRefused(Exception):
    """The database and the migration files do not match; the message says what to do."""


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """Applied and pending migrations."""

    applied: list[sql.Script]
    pending: list[sql.Script]


def migration_version(script: sql.Script) -> int:
    """Return the version in a migration's file name: 1 for `0001_foundation`. Pure."""
    return int(script.name.split("_")[0])


def plan_migrations(files: list[sql.Script], applied: dict[int, bytes]) -> MigrationPlan:
    """Compare the files with the applied ones (version: SHA-256). Pure.

    Raises MigrationRefused if they do not match.
    """
    numbers = [migration_version(file) for file in files]
    if numbers != list(range(1, len(files) + 1)):
        raise MigrationRefused(f"Migrations must be numbered 1, 2, 3 … without a gap, but are {numbers}")
    if applied and max(applied) > len(files):
        versions = f"The database is at version {max(applied)}, this program at {len(files)}"
        raise MigrationRefused(f"{versions}: run the newer program, or restore an older backup")
    edited = [f.name for f in files if applied.get(migration_version(f), f.digest) != f.digest]
    if edited:
        raise MigrationRefused(f"{', '.join(edited)}: edited after it was applied; undo the edit and add a new file")
    pending = [file for file in files if migration_version(file) not in applied]
    if pending and applied and migration_version(pending[0]) <= max(applied):
        raise MigrationRefused(f"{pending[0].name} was skipped: the database's history has a gap")
    return MigrationPlan([f for f in files if migration_version(f) in applied], pending)


async def read_applied(conn: sql.Connection) -> dict[int, bytes]:
    """Return version and SHA-256 of every applied migration; empty for a new database."""
    if await conn.fetchval(sql.query("find_schema_migrations")) is None:
        return {}
    return {row["version"]: row["digest"] for row in await conn.fetch(sql.query("list_migrations"))}


async def read_plan(conn: sql.Connection) -> MigrationPlan:
    """Return what `migrate` would apply; change nothing. Raises MigrationRefused."""
    server = conn.get_server_version().major
    if not OLDEST_SERVER <= server <= NEWEST_SERVER:
        supported = f"PostgreSQL {OLDEST_SERVER} to {NEWEST_SERVER}"
        raise MigrationRefused(f"The server is PostgreSQL {server}; supported: {supported}")
    return plan_migrations(sql.scripts("migrations"), await read_applied(conn))


async def _apply_pending(conn: sql.Connection, pending: list[sql.Script]) -> None:
    await conn.execute(sql.query("create_schema_migrations"))
    for file in pending:
        await conn.execute(file.text)
        await conn.execute(sql.query("add_migration"), migration_version(file), file.name, file.digest)
    await conn.execute(sql.script("roles").text)


async def require_migrated(dsn: str) -> None:
    """Raise MigrationRefused, with what to do, unless every migration of this program is applied."""
    await require_sessions(dsn)
    conn = await connect(dsn)
    try:
        plan = await read_plan(conn)
    finally:
        await conn.close()
    if not plan.applied:
        raise MigrationRefused(
            "There is no ledger in this database. `like-ledger migrate` creates one."
            " To use another ledger, set LIKE_LEDGER_DATABASE_URL to its database"
        )
    if plan.pending:
        names = ", ".join(script.name for script in plan.pending)
        raise MigrationRefused(
            f"The database is older than this program: run `like-ledger migrate`, which applies {names}"
        )


async def migrate(dsn: str) -> MigrationPlan:
    """Apply the pending migrations, all or none; return those applied before and now.

    Raises MigrationRefused if database and files do not match.
    """
    await require_sessions(dsn)
    conn = await connect(dsn)
    try:
        async with conn.transaction():
            await conn.execute(sql.query("lock_migrations"))
            plan = await read_plan(conn)
            if plan.pending:  # a role that owns no tables may still check that nothing is pending
                await _apply_pending(conn, plan.pending)
    finally:
        await conn.close()
    return plan
