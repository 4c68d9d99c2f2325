"""The database roles of ops/deploy: an owner, and a service role without destructive rights."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from databases import DatabaseServer, running_server
from ops import database as database_module
from ops.admin.auth.tokens import NewToken
from ops.admin.core.actor import OPERATOR
from ops.admin.core.command import CommandServices
from ops.admin.core.errors import Forbidden
from ops.admin.core.execute import execute
from ops.admin.registry import find_command
from ops.migrate import migrate
from ops.settings import Settings
from running_service import KEYS

SCRIPT = Path(__file__).resolve().parents[4] / "ops/deploy/roles.sh"
OWNER_PASSWORD, APP_PASSWORD = "owner's \\own", "app"


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    """Yield a separate server: roles belong to the whole server."""
    with running_server("pg18-embedded") as database_server:
        yield database_server


@pytest.fixture
async def database(server: DatabaseServer) -> str:
    """Return the name of a database on which the script ran, as PostgreSQL's image runs it."""
    if shutil.which("psql") is None and os.environ.get("CI") != "true":
        pytest.skip("psql is missing: install the package postgresql-client")
    conn = await asyncpg.connect(server.dsn)
    await conn.execute('CREATE DATABASE "like_ledger"')
    await conn.close()
    run_script(server.dsn)
    return "like_ledger"


def run_script(dsn: str) -> None:
    address = {"PGHOST": parse_qs(urlsplit(dsn).query)["host"][0]}
    image = {"POSTGRES_USER": urlsplit(dsn).username or "", "POSTGRES_DB": "like_ledger"}
    passwords = {"OWNER_PASSWORD": OWNER_PASSWORD, "APP_PASSWORD": APP_PASSWORD}
    result = subprocess.run(
        ["sh", SCRIPT], env=os.environ | address | image | passwords, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def as_user(server: DatabaseServer, user: str) -> str:
    return urlsplit(server.database_dsn("like_ledger"))._replace(netloc=f"{user}@").geturl()


async def test_the_owner_migrates_and_the_service_role_serves(server: DatabaseServer, database: str) -> None:
    assert database
    owner, app = as_user(server, "like_ledger_owner"), as_user(server, "like_ledger_app")
    assert (await migrate(owner)).pending
    assert not (await migrate(owner)).pending
    async with database_module.open_pool(app) as pool:
        assert await pool.fetchval("SELECT version FROM catalogue_version") == 0
        for forbidden in (
            "DELETE FROM transfers",
            "CREATE TABLE mine ()",
            "DROP TABLE likes",
            "SET ROLE like_ledger_owner",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(forbidden)
    assert not (await migrate(app)).pending
    for user, may_create in ((app, False), (owner, True)):
        async with database_module.open_pool(user) as pool:
            services = CommandServices(pool, KEYS, Settings())
            command, body = find_command("token.create"), NewToken(name="ann", role="owner")
            with nullcontext() if may_create else pytest.raises(Forbidden, match=r"^owner_needs_database_owner$"):
                await execute(services, OPERATOR, command, "", body)
            assert await pool.fetchval("SELECT count(*) FROM tokens WHERE role = 'owner'") == may_create
