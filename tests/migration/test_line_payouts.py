"""The migration of matched lines: every old match keeps its payout and finds the step that it made."""

import asyncpg
import pytest

import sql
from ops.migrate import migrate, migration_version

BEFORE = next(migration_version(file) for file in sql.scripts("migrations") if file.name.endswith("_line_payouts"))
OLD_ROWS = """
INSERT INTO campaigns (slug, promise, currency, floor_minor) VALUES ('harvest', '{}', 'CNY', 0);
INSERT INTO settlements
VALUES ('set_1', 'harvest', '2026-11-01', '2026-11-01', 'CNY', 0, false, 'ann', '2026-11-01Z');
INSERT INTO settlement_shares (settlement_id, position, charity, share_minor, brought_minor)
VALUES ('set_1', 1, 'village', 0, 5), ('set_1', 2, 'library', 0, 7);
INSERT INTO payouts VALUES ('pay_1', 'set_1', 'village', 5), ('pay_2', 'set_1', 'library', 7);
INSERT INTO statements (
    account, statement_id, currency, opening_minor, closing_minor, digest, evidence, imported_by, imported_at
)
SELECT 'acc', id, 'CNY', 0, 0, sha256(''), sha256(id::bytea), 'ann', '2026-11-01Z'
FROM unnest(ARRAY['st-1', 'st-2', 'st-3']) AS id;
"""
# Attempt 1 is paid and comes back, attempt 2 is paid; the other payout is paid by a manual match.
OLD_STEPS = [
    ("pay_1", 1, "waiting", 1, None, None),
    ("pay_1", 2, "sending", 1, None, None),
    ("pay_1", 3, "paid", 1, "2026-11-02", "st-1"),
    ("pay_1", 4, "returned", 1, "2026-11-02", "st-1"),
    ("pay_1", 5, "waiting", 2, None, None),
    ("pay_1", 6, "sending", 2, None, None),
    ("pay_1", 7, "paid", 2, "2026-11-05", "st-2"),
    ("pay_2", 1, "waiting", 1, None, None),
    ("pay_2", 2, "sending", 1, None, None),
    ("pay_2", 3, "paid", 1, "2026-11-05", "st-2"),
]
ADD_STEP = """
INSERT INTO payout_steps (payout_id, number, state, attempt, bank_day, evidence, payee, by, at, channel, reason)
VALUES ($1, $2, $3, $4, $5::text::date, sha256($6::text::bytea), '{}', 'ann', '2026-11-01Z', 'manual', 'x')
"""
OLD_LINES = [
    ("st-1", 1, 5, False, "2026-11-02", "pay_1", "end_to_end_id_matches"),
    ("st-1", 2, 5, True, "2026-11-02", "pay_1", "end_to_end_id_matches"),
    ("st-2", 1, 5, False, "2026-11-05", "pay_1", "amount_and_reference_match"),
    ("st-2", 2, 7, False, "2026-11-05", None, "no_payout_matches"),
    ("st-2", 3, 9, False, "2026-11-05", None, "no_payout_matches"),
    ("st-3", 1, 5, False, "2026-11-05", "pay_1", "reported_before"),
]
ADD_LINE = """
INSERT INTO statement_lines (
    account, statement_id, number, amount_minor, is_credit, booked_on, payout_id, matched_by, description
) VALUES ('acc', $1, $2, $3, $4, $5::text::date, $6, $7, '')
"""
OLD_MATCH = """
INSERT INTO statement_matches (account, statement_id, number, payout_id, reason, by, at)
VALUES ('acc', 'st-2', 2, 'pay_2', 'a letter', 'ann', '2026-11-06Z')
"""


async def test_old_matches_keep_their_payout_and_find_their_step(empty_dsn: str, monkeypatch: pytest.MonkeyPatch):
    files = sql.scripts("migrations")
    with monkeypatch.context() as patched:
        patched.setattr(sql, "scripts", lambda _: files[: BEFORE - 1])
        patched.setattr(sql, "script", lambda _: sql.Script("roles", "SELECT 1"))
        await migrate(empty_dsn)
    conn = await asyncpg.connect(empty_dsn)
    await conn.execute(OLD_ROWS)
    await conn.executemany(ADD_STEP, OLD_STEPS)
    await conn.executemany(ADD_LINE, OLD_LINES)
    await conn.execute(OLD_MATCH)
    await migrate(empty_dsn)
    matched = await conn.fetch(
        "SELECT statement_id, number, payout_id, step_number FROM statement_line_payouts ORDER BY 1, 2"
    )
    reasons = await conn.fetch("SELECT statement_id, number, reason FROM statement_matches")
    await conn.close()
    assert [tuple(row) for row in matched] == [
        ("st-1", 1, "pay_1", 3),
        ("st-1", 2, "pay_1", 4),
        ("st-2", 1, "pay_1", 7),
        ("st-2", 2, "pay_2", 3),
        ("st-3", 1, "pay_1", None),
    ]
    assert [tuple(row) for row in reasons] == [("st-2", 2, "a letter")]
