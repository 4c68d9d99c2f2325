"""A stolen login of the service cannot falsify the books: a right or a trigger refuses each statement."""

from datetime import datetime, timedelta

import asyncpg
import pytest

from filled_database import fill_database
from ops.admin.auth import tokens
from ops.clock import utc_now
from sql import Connection, Pool

REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)

PUBLISHED = [  # what the public log has shown
    "UPDATE log_heads SET checkpoint = 'x' WHERE size > 0",
    "UPDATE log_heads SET checkpoint = NULL WHERE size > 0",
    "UPDATE log_heads SET root = sha256('x')",
    "DELETE FROM log_heads WHERE size > 0",
    "UPDATE log_identity SET verifier_key = 'x'",
    "DELETE FROM log_identity",
    "UPDATE log_tiles SET hashes = substring(hashes FOR 32)",
    "UPDATE log_tiles SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0))",
    "DELETE FROM log_tiles",
    "UPDATE leaf_queue SET leaf_index = NULL WHERE leaf_index = 0",
    "UPDATE leaf_queue SET body = 'x'",
    "DELETE FROM leaf_queue",
    "DELETE FROM log_cosignatures",
    "UPDATE account_salts SET salt = repeat('0', 32)",
    "DELETE FROM account_salts",
]
MONEY = [
    "UPDATE accounts SET balance_minor = balance_minor + 1 WHERE kind = 'budget'",
    "UPDATE accounts SET balance_minor = 0, version = version + 1 WHERE kind = 'pledged'",
    "UPDATE accounts SET version = version + 1 WHERE kind = 'budget'",
    "INSERT INTO accounts (kind, campaign, charity, currency, balance_minor) VALUES ('paid', 'x', 'y', 'CNY', 100)",
    "UPDATE transfers SET amount_minor = 1",
    "DELETE FROM transfers",
    "UPDATE settlements SET total_minor = 1",
    "UPDATE settlement_shares SET share_minor = 1",
    "UPDATE payouts SET amount_minor = 1",
    "UPDATE payout_steps SET state = 'paid'",
    "DELETE FROM payout_steps",
    "DELETE FROM settlement_approvals",
    "UPDATE statement_lines SET amount_minor = 1",
    "DELETE FROM statement_matches",
]
PROMISES = [
    "UPDATE campaigns SET closed_at = NULL WHERE closed_at IS NOT NULL",
    "UPDATE campaigns SET closed_at = now() WHERE closed_at IS NOT NULL",
    "UPDATE campaigns SET floor_minor = 0",
    "DELETE FROM campaigns",
    "UPDATE terms SET amount_minor = 1",
    "DELETE FROM terms",
    "DELETE FROM enrolments",
    "DELETE FROM charities",
]
COUNTS = [
    "DELETE FROM likes",
    "UPDATE likes SET content = 'x'",
    "UPDATE like_batches SET folded_at = NULL, folded_with = NULL",
    "UPDATE like_batches SET folded_at = now()",
    "UPDATE like_batches SET tallies = '{}'",
    "DELETE FROM like_batches",
    "DELETE FROM day_counts",
    "DELETE FROM person_days",
]
PEOPLE = [
    "INSERT INTO tokens (digest, name, role, made_at) VALUES (sha256('x'), 'eve', 'owner', now())",
    "UPDATE tokens SET role = 'owner'",
    "UPDATE tokens SET revoked_at = NULL WHERE name = 'revoked'",
    "UPDATE tokens SET expires_at = NULL",
    "DELETE FROM tokens",
    """INSERT INTO sessions (digest, name, role, token_digest, made_at, ends_at)
    SELECT sha256('y'), 'ann', 'owner', digest, now(), now() + interval '1 day' FROM tokens WHERE name = 'ann'""",
    """INSERT INTO sessions (digest, name, role, token_digest, made_at, ends_at)
    SELECT sha256('y'), name, role, digest, now(), now() + interval '1 day' FROM tokens WHERE name = 'revoked'""",
    "UPDATE sessions SET role = 'owner'",
    "UPDATE sessions SET ended_at = NULL WHERE ended_at IS NOT NULL",
    "UPDATE platform_keys SET revoked_at = NULL WHERE revoked_at IS NOT NULL",
    "UPDATE platform_keys SET public_key = NULL",
    "UPDATE audit_log SET by = 'eve'",
    "DELETE FROM audit_log",
    "UPDATE proposal_steps SET by = 'eve'",
    "UPDATE proposals SET asked_by = 'eve'",
]
SCHEMA = [
    "ALTER TABLE transfers DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "DROP TABLE transfers CASCADE",
    "CREATE TABLE mine ()",
    "TRUNCATE likes",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$",
    "COPY transfers TO PROGRAM 'true'",
    "DELETE FROM schema_migrations",
]
HOSTILE = [*PUBLISHED, *MONEY, *PROMISES, *COUNTS, *PEOPLE, *SCHEMA]


@pytest.fixture
async def books(dsn: str, pool: Pool, owner: Connection) -> Connection:
    """Return a connection with the service's rights to a database in use, where every statement has a row to hit."""
    await fill_database(dsn)
    async with pool.acquire() as conn:
        now = utc_now()
        for name in ("ann", "revoked"):
            await tokens.store_token(conn, f"token-of-{name}", name, "finance", now)
        await conn.execute("UPDATE tokens SET revoked_at = now() WHERE name = 'revoked'")
        await add_session(conn, "ann", now)
        await conn.execute("UPDATE sessions SET ended_at = now()")
    await owner.execute(
        """INSERT INTO platforms (name) VALUES ('old');
        INSERT INTO platform_keys (platform_id, scheme, salt, revoked_at)
        SELECT platform_id, 'v1', '\\x00112233445566778899aabbccddeeff', now() FROM platforms WHERE name = 'old'"""
    )
    login = "CREATE ROLE least_privilege LOGIN IN ROLE like_ledger_service"
    await owner.execute(f"DO $$ BEGIN {login}; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    await owner.execute("SET SESSION AUTHORIZATION least_privilege; SET ROLE like_ledger_service")
    return owner


async def add_session(conn: Connection, name: str, now: datetime) -> None:
    await conn.execute(
        """INSERT INTO sessions (digest, name, role, token_digest, made_at, ends_at)
        SELECT sha256('s'), name, role, digest, $2, $3 FROM tokens WHERE name = $1""",
        name,
        now,
        now + timedelta(hours=1),
    )


async def test_every_hostile_statement_is_refused(books: Connection):
    accepted = []
    for statement in HOSTILE:
        try:
            done = await books.execute(statement)
        except REFUSED:
            continue
        accepted.append(f"{done}: {statement}")
    assert accepted == []


async def test_a_login_of_the_service_cannot_take_more_rights(books: Connection):
    for statement in ("SET ROLE NONE", "RESET ROLE"):
        await books.execute(statement)
        for hostile in HOSTILE:
            with pytest.raises(REFUSED):
                await books.execute(hostile)
