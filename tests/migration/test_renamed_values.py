"""The renaming migration rewrites stored values: responses of commands, match rules and reasons."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

import sql
from ledger.reconciliation.matching import MatchRule
from ledger.settlements.return_reasons import REFUSED_WITHOUT_REASON, RETURNED_WITHOUT_REASON
from ops import database
from ops.admin.core import execute, idempotency
from ops.admin.core.actor import Actor
from ops.admin.core.command import CommandServices, EmptyBody
from ops.admin.core.errors import IdempotencyKeyReused
from ops.admin.registry import find_command
from ops.i18n import labels
from ops.keys import Keys
from ops.migrate import migrate, migration_version
from ops.settings import Settings
from sql import Pool

BEFORE = next(migration_version(file) for file in sql.scripts("migrations") if file.name.endswith("_names"))
AT = datetime.fromisoformat("2026-11-01T00:00:00+00:00")
ANN = Actor("ann", "owner", "page")
DIFFERENCE = {"path": "funded_minor", "before": "0 (0.00 CNY)", "after": "5 (0.05 CNY)"}
PROPOSED = {
    "command": "campaign.fund",
    "subject": "campaign/harvest",
    "state": "waits",
    "dry_run": False,
    "before": {"funded_minor": 0},
    "after": {"funded_minor": 5},
    "differences": [DIFFERENCE],
    "besides": {"note": '丰收 "1.50"'},
    "audit": 7,
    "proposal": "prp_1",
    "waits_for": "more money",
}
DONE = PROPOSED | {"state": "done", "proposal": None, "waits_for": None, "besides": {}}
OTHERS = [b"", b"no JSON", b"\xff", b"[1]", b"7", b'{"state": "waits"}']  # stay as they are
RENAMED = {
    "payout.again": "payout.retry",
    "payout.answer": "payout.record-result",
    "charity.change": "charity.rename",
    "sponsor.change": "sponsor.rename",
}
MATCH_RULES = {
    "its EndToEndId": MatchRule.BY_ID,
    "its amount and reference": MatchRule.BY_AMOUNT_AND_REFERENCE,
    "no payout has its EndToEndId": MatchRule.UNKNOWN_ID,
    "another amount than the payout of its EndToEndId": MatchRule.WRONG_AMOUNT,
    "the payout of its EndToEndId is not where this could happen": MatchRule.WRONG_STATE,
    "several payouts have its amount and reference": MatchRule.AMBIGUOUS,
    "no payout has its amount and reference": MatchRule.NO_CANDIDATE,
}
REASONS = {
    "refused without a reason": REFUSED_WITHOUT_REASON,
    "came back without a reason": RETURNED_WITHOUT_REASON,
    "account closed": "account closed",  # the bank's text
}
OLD_ROWS = """
INSERT INTO campaigns (slug, promise, currency, floor_minor) VALUES ('harvest', '{}', 'CNY', 0);
INSERT INTO statements VALUES ('acc', 'st-1', 'CNY', 0, 5, sha256(''), sha256(''), 'ann', '2026-11-01Z');
INSERT INTO settlements
VALUES ('set_1', 'harvest', '2026-11-01', '2026-11-01', 'CNY', 0, false, 'ann', '2026-11-01Z');
INSERT INTO settlement_shares (settlement_id, place, charity, share_minor, brought_minor)
VALUES ('set_1', 1, 'village', 0, 5);
INSERT INTO payouts VALUES ('pay_1', 'set_1', 'village', 5);
"""
OLD_LINE = """
INSERT INTO statement_lines (account, statement_id, number, amount_minor, is_credit, booked_on, said, matched_by)
VALUES ('acc', 'st-1', $1, 5, true, '2026-11-01', '', $2)
"""
OLD_STEP = """
INSERT INTO payout_steps (payout_id, number, state, attempt, payee, by, at, reason)
VALUES ('pay_1', $1, 'returned', 1, '{}', 'ann', '2026-11-01Z', $2)
"""


def digest(command: str) -> bytes:
    return idempotency.idempotency_key("ann", "", command.encode(), b"harvest", b"{}").digest


async def insert_old_rows(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    await conn.execute(OLD_ROWS)
    await conn.executemany(OLD_LINE, list(enumerate(MATCH_RULES, 1)))
    await conn.executemany(OLD_STEP, list(enumerate(REASONS, 1)))
    answers = [("proposed", digest("campaign.fund"), json.dumps(PROPOSED, separators=(",", ":")).encode())]
    answers += [(old, digest(old), json.dumps(DONE | {"command": old}).encode()) for old in RENAMED]
    answers += [(f"other-{n}", sha256(b"").digest(), other) for n, other in enumerate(OTHERS)]
    await conn.executemany("INSERT INTO admin_answers VALUES ('ann', $1, $2, $3, '2026-11-01Z')", answers)
    await conn.close()


@pytest.fixture
async def pool(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    """Yield a pool, as the service's role, on a migrated database with old rows."""
    files = sql.scripts("migrations")
    with monkeypatch.context() as patched:
        patched.setattr(sql, "scripts", lambda _: files[: BEFORE - 1])
        patched.setattr(sql, "script", lambda _: sql.Script("roles", "SELECT 1"))
        await migrate(empty_dsn)
    await insert_old_rows(empty_dsn)
    await migrate(empty_dsn)
    async with database.open_pool(empty_dsn) as opened:
        yield opened


async def test_a_retry_gets_the_old_response_in_its_new_form(pool: Pool) -> None:
    services = CommandServices(pool, Keys(b"p" * 32, b"w" * 32), Settings())
    key = idempotency.IdempotencyKey("ann", "proposed", digest("campaign.fund"))
    response: Any = await execute.execute(services, ANN, find_command("campaign.fund"), "harvest", EmptyBody(), key)
    kept = ("command", "subject", "dry_run", "before", "after", "differences", "audit", "proposal")
    assert response == {name: PROPOSED[name] for name in kept} | {
        "state": "pending",
        "approval_reason": "more money",
        "details": {"note": '丰收 "1.50"'},
        "after_commit": None,
    }
    assert len(labels.label_changes(response["differences"], "en")) == 1


async def test_responses_name_the_renamed_commands_and_the_others_stay(pool: Pool) -> None:
    async with pool.acquire() as conn:
        stored = {old: await idempotency.find_response(conn, "ann", old) for old in RENAMED}
        others = [await idempotency.find_response(conn, "ann", f"other-{n}") for n in range(len(OTHERS))]
    assert {old: json.loads(response or b"")["command"] for old, response in stored.items()} == RENAMED
    assert {json.loads(response or b"")["state"] for response in stored.values()} == {"done"}
    assert others == OTHERS


@pytest.mark.parametrize("old", RENAMED)
async def test_an_old_key_of_a_renamed_command_does_not_execute_it_again(pool: Pool, old: str) -> None:
    """The digest of the request covers the old name, and a digest cannot be migrated."""
    async with pool.acquire() as conn:
        with pytest.raises(IdempotencyKeyReused):
            await idempotency.claim_key(conn, idempotency.IdempotencyKey("ann", old, digest(RENAMED[old])), AT)


async def test_match_rules_and_reasons_are_codes(pool: Pool) -> None:
    rules = await pool.fetch("SELECT matched_by FROM statement_lines ORDER BY number")
    reasons = await pool.fetch("SELECT reason FROM payout_steps ORDER BY number")
    assert [row["matched_by"] for row in rules] == list(MATCH_RULES.values())
    assert [row["reason"] for row in reasons] == list(REASONS.values())


@pytest.mark.parametrize("change", ["statement_lines SET matched_by = ''", "payout_steps SET reason = ''"])
async def test_the_rewritten_tables_stay_append_only(pool: Pool, empty_dsn: str, change: str) -> None:
    owner = await asyncpg.connect(empty_dsn)
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await owner.execute(f"UPDATE {change}")
    await owner.close()
