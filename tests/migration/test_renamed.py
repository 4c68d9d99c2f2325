"""The renaming migration keeps old rows readable, for the service's role too."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import pytest

import sql
from ops.migrate import migrate, migration_version
from sql import query

BEFORE = next(migration_version(file) for file in sql.scripts("migrations") if file.name.endswith("_names"))
AT = datetime.fromisoformat("2026-11-01T00:00:00+00:00")
LATER = datetime.fromisoformat("2026-11-02T00:00:00+00:00")
OLD_ROWS = """
INSERT INTO campaigns (slug, promise, currency, floor_minor) VALUES ('harvest', '{}', 'CNY', 0);
INSERT INTO enrolments (content, campaign_id) VALUES ('video', 1);
INSERT INTO pauses (content, campaign_id, paused_at, version) VALUES ('video', 1, '2026-11-01Z', 3);
UPDATE catalogue SET version = 3;
INSERT INTO uploads (upload_id, campaign_id, action, contents, digest, by, at)
VALUES ('upl_1', 1, 'enrol', 2, sha256(''), 'ann', '2026-11-01Z');
INSERT INTO upload_chunks (upload_id, number, contents) VALUES ('upl_1', 1, '{a,b}');
INSERT INTO tokens (digest, name, role, made_at) VALUES (sha256('ann'), 'ann', 'owner', '2026-11-01Z');
INSERT INTO tokens (digest, name, role, made_at, dropped_at)
VALUES (sha256('bob'), 'bob', 'finance', '2026-11-01Z', '2026-11-01T12:00Z');
INSERT INTO admin_answers (name, key, digest, answer, made_at)
VALUES ('ann', 'key-1', sha256('request'), 'response', '2026-11-01Z');
INSERT INTO platforms (name) VALUES ('reader');
INSERT INTO platform_keys (platform_id, scheme, salt, dropped_at)
VALUES (1, 'v1', '\\x00112233445566778899aabbccddeeff', now());
INSERT INTO proposals (proposal_id, command, place, body, subject, reason, currency, hash, hold_seconds,
    asked_by, asked_role, asked_at)
VALUES ('prp_1', 'campaign.fund', 'harvest', '{}', 'campaign/harvest', 'money', 'CNY', sha256(''), 0, 'ann', 'owner',
    '2026-11-01Z'),
    ('prp_2', 'campaign.fund', 'harvest', '{}', 'campaign/harvest', 'money', 'CNY', sha256(''), 0, 'ann', 'owner',
    '2026-11-01Z');
INSERT INTO proposal_steps (proposal_id, number, state, by, reason, at) VALUES
    ('prp_1', 1, 'waits', 'ann', NULL, '2026-11-01Z'), ('prp_2', 1, 'waits', 'ann', NULL, '2026-11-01Z'),
    ('prp_2', 2, 'refused', 'bob', 'too much', '2026-11-01T12:00Z');
INSERT INTO audit (at, by, role, door, address, command, subject, proposal_id) VALUES
    ('2026-11-01Z', 'ann', 'owner', 'page', '', 'proposal.ask', 'campaign/harvest', 'prp_1'),
    ('2026-11-01Z', 'ann', 'owner', 'page', '', 'proposal.ask', 'campaign/harvest', 'prp_2');
INSERT INTO statements VALUES ('acc', 'st-1', 'CNY', 0, 5, sha256(''), sha256(''), 'ann', '2026-11-01Z');
INSERT INTO statement_lines (account, statement_id, number, amount_minor, is_credit, booked_on, said, matched_by)
VALUES ('acc', 'st-1', 1, 5, true, '2026-11-01', 'from the village', 'no payout');
INSERT INTO settlements
VALUES ('set_1', 'harvest', '2026-11-01', '2026-11-01', 'CNY', 0, false, 'ann', '2026-11-01Z');
INSERT INTO settlement_shares (settlement_id, place, charity, share_minor, brought_minor)
VALUES ('set_1', 2, 'school', 0, 7), ('set_1', 1, 'village', 0, 5);
"""


async def migrated_rows(dsn: str, monkeypatch: pytest.MonkeyPatch) -> asyncpg.Connection:
    """Insert rows under the old names, migrate, and return a connection as the service's role."""
    files = sql.scripts("migrations")
    with monkeypatch.context() as patched:
        patched.setattr(sql, "scripts", lambda _: files[: BEFORE - 1])
        patched.setattr(sql, "script", lambda _: sql.Script("roles", "SELECT 1"))
        await migrate(dsn)
    owner = await asyncpg.connect(dsn)
    await owner.execute(OLD_ROWS)
    await owner.close()
    await migrate(dsn)
    return await asyncpg.connect(dsn, server_settings={"role": "like_ledger_service"})


# A query, its arguments, and the columns that it returns for the old rows.
ROWS: dict[str, tuple[Sequence[Any], Sequence[str], Sequence[Any]]] = {
    "find_idempotency_key": (["ann", "key-1"], ["response"], [b"response"]),
    "list_audit_entries": (
        [None, 1, *[None] * 8],
        ["audit_id", "entry_point", "command"],
        [2, "page", "proposal.create"],
    ),
    "read_catalogue_version": ([], ["version"], [3]),
    "list_changed_pauses": ([2], ["campaign_id", "content", "is_paused"], [1, "video", True]),
    "list_running_uploads": ([], ["upload_id"], ["upl_1"]),
    "find_next_chunk": (["upl_1"], ["number", "contents", "action"], [1, ["a", "b"], "enrol"]),
    "find_proposal": (["prp_1"], ["subject_id", "state", "decision_reason"], ["harvest", "pending", None]),
    "list_unmatched_lines": ([1], ["description"], ["from the village"]),
    "read_shares": ([["set_1"]], ["charity", "brought_minor"], ["village", 5]),
    "read_proposal_ages": ([LATER], ["pending_since", "due_since"], [AT, None]),
    "list_tokens": (["ann", LATER, 1], ["name", "revoked_at"], ["bob", AT.replace(hour=12)]),
}


async def test_old_rows_are_read_under_the_new_names(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    conn = await migrated_rows(empty_dsn, monkeypatch)
    rows = {}
    for name, (arguments, columns, _) in ROWS.items():
        row = (await conn.fetch(query(name), *arguments))[0]
        rows[name] = [row[column] for column in columns]
    await conn.close()
    assert rows == {name: expected for name, (_, _, expected) in ROWS.items()}


async def test_a_decided_proposal_keeps_its_decision(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    conn = await migrated_rows(empty_dsn, monkeypatch)
    steps = await conn.fetch("SELECT state, by FROM proposal_steps WHERE proposal_id = 'prp_2' ORDER BY number")
    live = await conn.fetchval(query("find_live_token"), "bob", AT)
    keys = await conn.fetch(query("list_live_schemes"), 1)
    await conn.close()
    assert ([tuple(step) for step in steps], live, keys) == ([("pending", "ann"), ("refused", "bob")], None, [])


# Changes of old rows that the service makes, by its rights under the new names.
CHANGES: list[tuple[str, Sequence[Any], str]] = [
    ("store_response", ["ann", "key-1", b"other"], "UPDATE 1"),
    ("delete_old_idempotency_keys", [LATER], "DELETE 1"),
    ("resume_content", [1, ["video"], 4, LATER], "UPDATE 1"),
    ("finish_chunk", ["upl_1", 1, 2, LATER], "UPDATE 1"),
    ("finish_upload", ["upl_1", LATER, None], "UPDATE 1"),
    ("revoke_token", ["ann", LATER], "UPDATE 1"),
    ("bump_catalogue_version", [], "UPDATE 1"),
    ("create_likes_partition", [1], "SELECT 1"),
]


@pytest.mark.parametrize(("name", "arguments", "status"), CHANGES, ids=[name for name, *_ in CHANGES])
async def test_the_service_changes_old_rows(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch, name: str, arguments: Sequence[Any], status: str
) -> None:
    conn = await migrated_rows(empty_dsn, monkeypatch)
    assert await conn.execute(query(name), *arguments) == status
    await conn.close()


IMMUTABLE = ["audit_log SET by = 'bob'", "proposal_steps SET state = 'done'", "statement_lines SET description = ''"]


@pytest.mark.parametrize("change", IMMUTABLE)
async def test_append_only_tables_stay_append_only(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    await (await migrated_rows(empty_dsn, monkeypatch)).close()
    owner = await asyncpg.connect(empty_dsn)
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await owner.execute(f"UPDATE {change}")
    await owner.close()


async def test_no_constraint_or_index_keeps_an_old_name(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    rows = await conn.fetch(
        """SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"""
    )
    await conn.close()
    old = ("admin_answers", "audit_", "catalogue_", "pauses", "uploads", "upload_chunks")
    stale = [
        name for (name,) in rows if name.startswith(old) and not name.startswith(("audit_log", "catalogue_version"))
    ]
    assert stale == []
