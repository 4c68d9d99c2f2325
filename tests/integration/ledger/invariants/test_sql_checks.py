"""The invariants: a database in use breaks none, and every check detects a tampering."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import pytest

import proposal_pairs
from databases import DatabaseServer, run_in_thread
from filled_database import fill_database
from ledger.invariants import log_tiles, sql_checks
from ops.admin.core import proposals
from sql import Connection, Script, scripts

PLEDGED = "(SELECT account_id FROM accounts WHERE kind = 'pledged' AND campaign = 'rural-education')"
WORLD = "(SELECT account_id FROM accounts WHERE kind = 'world')"
NEWEST = (
    "(SELECT transfer_id FROM transfers WHERE corrects IS NULL AND step = 'pledge' ORDER BY recorded_at DESC LIMIT 1)"
)

HELD_LIKE = """
    INSERT INTO observations (campaign_id, bucket, batch_id, first_at, last_at, likes, judged_at, packed)
    SELECT campaign_id, bucket, batch_id, now(), now(), 1, now(), '' FROM likes WHERE is_suspect;
    INSERT INTO verdicts (campaign_id, bucket, content, person, day, verdict, families, rules, ruleset, stage,
        decided_by, decided_at)
    SELECT campaign_id, bucket, content, person, day, 'held', '{}', '{}', 1, 'window', 'rules', now()
    FROM likes WHERE is_suspect;
"""

TAMPERINGS = proposal_pairs.TAMPERINGS | {
    "accounts_have_the_owners_of_their_kind": [
        "UPDATE accounts SET charity = 'village-schools' WHERE kind = 'budget'",
        "UPDATE accounts SET campaign = '' WHERE kind = 'payable'",
        "UPDATE accounts SET campaign = 'rural-education' WHERE kind = 'world'",
    ],
    "balances_equal_transfers": [
        "UPDATE accounts SET balance_minor = balance_minor + 1 WHERE kind = 'budget'",
        "UPDATE accounts SET version = version + 1 WHERE kind = 'paid' OR kind = 'world'",
        f"DELETE FROM transfers WHERE transfer_id = {NEWEST}",
    ],
    "transfers_store_running_balances": [
        f"UPDATE transfers SET to_balance_after_minor = 1 WHERE transfer_id = {NEWEST}",
        f"UPDATE transfers SET from_version = from_version + 1000 WHERE transfer_id = {NEWEST}",
        f"UPDATE transfers SET amount_minor = amount_minor + 1 WHERE transfer_id = {NEWEST}",
        "DELETE FROM transfers WHERE step = 'fund' AND corrects IS NULL",
    ],
    "balances_sum_to_zero": [
        "UPDATE accounts SET balance_minor = balance_minor + 1 WHERE kind = 'world'",
        "UPDATE accounts SET currency = 'JPY' WHERE kind = 'budget' AND balance_minor > 0",
    ],
    "batch_leaves_match_positions": [
        """ALTER TABLE like_batches DROP CONSTRAINT like_batches_leaves_match_size;
        UPDATE like_batches SET leaves = ''""",
        "UPDATE like_batches SET positions = ARRAY(SELECT n FROM unnest(positions) AS n ORDER BY n DESC)",
        "UPDATE like_batches SET root = sha256('x') WHERE size = 0",
        "UPDATE like_batches SET root = sha256('x') WHERE size = 1",
    ],
    "closed_campaigns_have_no_budget": [
        "UPDATE campaigns SET closed_at = now() WHERE closed_at IS NULL",
    ],
    "closed_campaigns_have_no_tombstones": [
        """INSERT INTO like_tombstones SELECT campaign_id, 0, substring(sha256('') FOR 16) FROM campaigns;
        UPDATE campaigns SET closed_at = now() WHERE closed_at IS NULL""",
    ],
    "content_versions_are_not_ahead": [
        "UPDATE catalogue_version SET version = 0",
        "UPDATE content_pauses SET version = version + 1000",
    ],
    "corrections_reverse_their_transfer": [
        "UPDATE transfers SET amount_minor = amount_minor * 100 WHERE corrects IS NOT NULL",
        """UPDATE transfers SET from_account = to_account, to_account = from_account,
        from_version = from_version + 1000, to_version = to_version + 1000 WHERE corrects IS NOT
        NULL""",
        "UPDATE transfers SET corrects = gen_random_uuid() WHERE corrects IS NOT NULL",
        "UPDATE transfers SET corrects = transfer_id WHERE corrects IS NOT NULL",
        """ALTER TABLE transfers DROP CONSTRAINT transfers_are_corrected_at_most_once;
        UPDATE transfers SET corrects = (SELECT max(corrects::text)::uuid FROM transfers)
        WHERE corrects IS NOT NULL""",
    ],
    "cosignatures_belong_to_a_checkpoint": [
        "UPDATE log_heads SET checkpoint = NULL WHERE size > 0",
        "DELETE FROM log_heads WHERE size > 0",
        "UPDATE log_cosignatures SET size = 0",
        "UPDATE log_cosignatures SET witness_key = 'witness.example/w2+00000000+AAAA'",
        "DELETE FROM log_witnesses",
        "UPDATE log_cosignatures SET line = line || 'x'::bytea",
        "UPDATE log_cosignatures SET line = convert_to(replace(convert_from(line, 'UTF8'), '/w1 ', '/w2 '), 'UTF8')",
    ],
    "likes_carry_their_verdict": [
        "UPDATE likes SET verdict = 'void' WHERE state = 'counted'",
    ],
    "verdict_counts_equal_verdicts": [
        """INSERT INTO verdict_counts (campaign_id, day, family, decided_by, held)
        SELECT campaign_id, '2026-11-03', 'device', 'rules', 1 FROM campaigns""",
    ],
    "held_likes_have_an_open_case": [HELD_LIKE],
    "held_likes_were_held_by_live_rules": [f"{HELD_LIKE}UPDATE rulesets SET live_from = NULL"],
    "settled_days_have_their_closing_pass": [
        "UPDATE rulesets SET applied_at = (SELECT min(made_at) FROM settlements)",
    ],
    "verdict_leaves_match_verdict_counts": [
        """INSERT INTO verdict_counts (campaign_id, day, family, decided_by, void)
        SELECT campaign_id, '2026-11-03', 'device', 'people', 1 FROM campaigns""",
        """INSERT INTO leaf_queue (kind, subject, body) VALUES ('verdicts', 'verdicts/1/0', convert_to('
        {"campaign": "rural-education", "days": [{"day": "2026-11-03", "family": "device", "decided_by": "rules",
        "quarantined": 12, "released": 0, "void": 0}]}', 'UTF8'))""",
    ],
    "likes_have_a_leaf": [
        "UPDATE like_batches SET positions = '{}', leaves = '', root = sha256('')",
        "UPDATE likes SET position = 0",
        "UPDATE likes SET position = position + 100000",
        "DELETE FROM like_batches",
        "UPDATE like_batches SET campaign_id = campaign_id + 1",
    ],
    "count_leaves_match_day_counts": [
        "DELETE FROM leaf_queue WHERE kind = 'count'",
        "DELETE FROM leaf_queue WHERE leaf_id = (SELECT max(leaf_id) FROM leaf_queue WHERE kind = 'count')",
        "UPDATE day_counts SET withdrawn = withdrawn + 1",
        "UPDATE like_batches SET root = sha256('x')",
        """INSERT INTO leaf_queue (kind, subject, body)
        SELECT kind, subject || '/again', body FROM leaf_queue WHERE kind = 'count'""",
    ],
    "like_counts_are_not_negative": [
        "ALTER TABLE day_counts DROP CONSTRAINT day_counts_are_not_negative; UPDATE day_counts SET void = -1",
        "UPDATE refusal_counts SET likes = -1",
    ],
    "day_counts_equal_folded_batches": [
        "UPDATE day_counts SET duplicate = duplicate + 1",
        "UPDATE refusal_counts SET likes = likes + 1",
        "DELETE FROM refusal_counts",
        "UPDATE like_batches SET folded_at = now()",
        "UPDATE like_batches SET folded_at = NULL",
    ],
    "day_counts_equal_likes": [
        "UPDATE day_counts SET counted = counted + 1",
        "DELETE FROM day_counts",
        "UPDATE likes SET state = 'void' WHERE state = 'counted'",
        "UPDATE likes SET day = day + 1",
        "DELETE FROM likes WHERE state = 'over_limit'",
        "UPDATE like_batches SET folded_at = now()",  # never folded, but marked so
    ],
    "ended_campaigns_owe_only_payouts": [
        "UPDATE settlements SET is_last = true",
        """UPDATE settlements SET is_last = true; UPDATE accounts SET balance_minor = 0 WHERE kind = 'pledged';
        UPDATE accounts SET balance_minor = balance_minor + 1 WHERE kind = 'payable'""",
    ],
    "earned_equals_due": [
        "UPDATE day_counts SET counted = counted + 1000",
        "UPDATE day_counts SET counted = 0",
        "UPDATE terms SET amount_minor = 1000",
        "UPDATE terms SET daily_cap_minor = 0",
        "UPDATE terms SET from_day = from_day - 30 WHERE version = 2",
        "UPDATE accounts SET balance_minor = balance_minor - 1 WHERE kind = 'payable'",
        "UPDATE accounts SET balance_minor = balance_minor + 1 WHERE kind = 'pledged'",
        "UPDATE campaigns SET floor_minor = 0",
        "UPDATE campaigns SET closed_at = NULL",
        "DELETE FROM terms",
    ],
    "likes_are_unique": [
        """INSERT INTO likes (batch_id, event_at, campaign_id, day, position, state, bucket, person, content)
        SELECT batch_id, event_at, campaign_id, day, position, state, 1, person, content FROM likes""",
    ],
    "log_heads_form_one_chain": [
        "DELETE FROM log_heads WHERE size = (SELECT min(size) FROM log_heads WHERE size > 0)",
        "UPDATE log_heads SET sequenced_at = sequenced_at + interval '1 day' WHERE size = 0",
        "UPDATE log_heads SET root = sha256('x') WHERE size = 0",
        "DELETE FROM log_identity",
    ],
    "leaf_indexes_are_consecutive": [
        "UPDATE leaf_queue SET leaf_index = NULL WHERE leaf_index = 1",
        "DELETE FROM leaf_queue WHERE leaf_index = 1",
        "UPDATE leaf_queue SET leaf_index = (SELECT max(size) FROM log_heads) WHERE leaf_index IS NULL",
        "DELETE FROM log_heads WHERE size = (SELECT max(size) FROM log_heads)",
    ],
    "log_tiles_match_leaf_hashes": [
        "UPDATE leaf_queue SET body = body || ' '::bytea WHERE leaf_index = 0",
        "UPDATE log_tiles SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40))",
        "UPDATE log_tiles SET hashes = substring(hashes FOR 32)",
        "DELETE FROM log_tiles",
        "DELETE FROM leaf_queue WHERE leaf_index = 2",
    ],
    "only_world_is_negative": [
        """ALTER TABLE accounts DROP CONSTRAINT accounts_balance_floor;
        UPDATE accounts SET balance_minor = -1 WHERE kind = 'pledged'""",
        f"UPDATE transfers SET from_balance_after_minor = -1 WHERE transfer_id = {NEWEST}",
        f"UPDATE transfers SET to_balance_after_minor = -1 WHERE transfer_id = {NEWEST}",
    ],
    "person_days_equal_live_likes": [
        "UPDATE person_days SET live = live + 1",
        "UPDATE person_days SET contents = contents || 'another'::text",
        "DELETE FROM likes WHERE state = 'over_limit'",
        "UPDATE likes SET state = 'withdrawn' WHERE state = 'counted'",
    ],
    "counted_likes_respect_the_person_limit": [
        "UPDATE likes SET state = 'counted' WHERE state = 'over_limit'",
        "UPDATE likes SET state = 'over_limit' WHERE state = 'counted'",
        "UPDATE terms SET likes_per_person_per_day = 1",
    ],
    "open_campaigns_pay_registered_accounts": ["DELETE FROM charities", "UPDATE charities SET account = '{}'"],
    "payouts_equal_balances": [
        "UPDATE payouts SET amount_minor = amount_minor + 1000",
        "UPDATE payout_steps SET state = 'paid', bank_day = '2026-11-10'",
        "UPDATE payout_steps SET state = 'sent'",
        "UPDATE accounts SET balance_minor = balance_minor + 1 WHERE kind = 'paid'",
    ],
    "payout_steps_follow_the_state_machine": [
        "UPDATE payouts SET amount_minor = amount_minor + 1",
        "UPDATE payout_steps SET state = 'sent'",
        "UPDATE payout_steps SET attempt = 2",
        "DELETE FROM payout_steps WHERE number = 2",
        "DELETE FROM payout_steps",
    ],
    "payout_leaves_match_payouts": [
        "DELETE FROM leaf_queue WHERE kind = 'payout'",
        "DELETE FROM leaf_queue WHERE kind = 'settlement'",
        "UPDATE settlements SET total_minor = total_minor + 1",
        "UPDATE payout_steps SET state = 'sent'",
    ],
    "sent_payouts_were_approved": [
        "DELETE FROM settlement_approvals WHERE person = 'ann'",
        "UPDATE settlement_approvals SET hash = sha256('x') WHERE person = 'ann'",
        "UPDATE settlements SET made_by = 'ann'",
        "UPDATE payout_steps SET by = 'ann' WHERE number = 1",
        "UPDATE payout_steps SET payee = replace(payee, '6222020200112233445', '6222020200112233999')",
        "UPDATE payouts SET amount_minor = amount_minor + 1",
    ],
    "sponsors_are_registered": ["DELETE FROM sponsor_names", "UPDATE sponsors SET name = 'Another Foundation'"],
    "statement_lines_sum_to_the_balance": [
        "UPDATE statements SET closing_minor = closing_minor + 1",
        "UPDATE statement_lines SET amount_minor = amount_minor + 1",
        "UPDATE statements SET skipped_minor = skipped_minor + 1",
        "DELETE FROM statement_lines WHERE number = 1",
        "UPDATE statement_lines SET is_credit = NOT is_credit",
    ],
    "statement_lines_sum_to_their_payouts": [
        "UPDATE statement_lines SET amount_minor = amount_minor + 1",
        "UPDATE statement_lines SET is_credit = NOT is_credit",
        "UPDATE statement_lines SET matched_by = 'no_payout_matches'",
        "UPDATE statement_lines SET matched_by = 'bank_charge'",
        "UPDATE statements SET currency = 'EUR'",
        "UPDATE payouts SET amount_minor = amount_minor + 1",
        "UPDATE statement_line_payouts SET payout_id = 'pay_x' WHERE number = 1",
        "UPDATE statement_line_payouts SET step_number = NULL",
        "UPDATE statement_line_payouts SET step_number = step_number - 1",
        "DELETE FROM statement_line_payouts WHERE number = 1",
        """INSERT INTO statement_line_differences
        SELECT account, statement_id, edition, number, 'charge', 1, 'x', now() FROM statement_lines LIMIT 1""",
        """INSERT INTO statement_matches (account, statement_id, edition, number, reason, by, at)
        SELECT account, statement_id, edition, number, 'x', 'x', now() FROM statement_lines LIMIT 1""",
    ],
    "settle_transfers_belong_to_a_settlement": [
        "UPDATE settlement_shares SET transfer_id = gen_random_uuid()",
        """INSERT INTO transfers SELECT gen_random_uuid(), 'x', step, to_account, from_account, to_kind, from_kind,
        currency, amount_minor, 0, 0, 1000, 1000, transfer_id, 'x' FROM transfers WHERE step =
        'settle' LIMIT 1""",
    ],
    "settlement_shares_sum_to_the_total": [
        "UPDATE settlements SET total_minor = total_minor + 1",
        "UPDATE settlement_shares SET share_minor = share_minor + 1 WHERE charity = 'village-schools'",
        "UPDATE settlement_shares SET charity = charity || '-x'",
        "DELETE FROM settlement_shares",
        "UPDATE transfers SET amount_minor = amount_minor + 1 WHERE step = 'settle'",
    ],
    "terms_match_their_promise": [
        "UPDATE terms SET amount_minor = amount_minor + 1",
        "UPDATE terms SET per_likes = per_likes + 1",
        "UPDATE terms SET daily_cap_minor = 1 WHERE daily_cap_minor IS NULL",
        "UPDATE terms SET likes_per_person_per_day = NULL",
        "UPDATE terms SET version = 3 WHERE version = 2",
        "UPDATE terms SET from_day = from_day + 5",
    ],
    "transfer_leaves_match_transfers": [
        "DELETE FROM leaf_queue WHERE kind = 'transfer'",
        f"UPDATE transfers SET amount_minor = amount_minor + 1 WHERE transfer_id = {NEWEST}",
        f"UPDATE transfers SET transfer_id = gen_random_uuid() WHERE transfer_id = {NEWEST}",
        "UPDATE transfers SET corrects = gen_random_uuid() WHERE corrects IS NOT NULL",
        """UPDATE leaf_queue SET body = convert_to(replace(convert_from(body, 'UTF8'), 'pledge', 'settle'), 'UTF8')
        WHERE kind = 'transfer'""",
    ],
    "upload_chunks_match_their_upload": [
        "UPDATE content_uploads SET contents = contents + 1",
        "DELETE FROM content_upload_chunks",
        "UPDATE content_upload_chunks SET changed = NULL, done_at = NULL",
    ],
    "transfers_move_one_step": [
        f"UPDATE transfers SET to_account = {WORLD} WHERE transfer_id = {NEWEST}",
        f"""UPDATE transfers SET to_account = {PLEDGED}, to_version = to_version + 1000
        WHERE step = 'pledge' AND corrects IS NULL AND to_account <> {PLEDGED}""",  # out of another campaign's budget
        "UPDATE transfers SET currency = 'JPY'",
        "ALTER TABLE transfers DROP CONSTRAINT transfers_amount_is_positive; UPDATE transfers SET amount_minor = 0",
        "ALTER TABLE transfers DROP CONSTRAINT transfers_move_one_step; UPDATE transfers SET step = 'confirm'",
        """ALTER TABLE transfers DROP CONSTRAINT transfers_move_one_step;
        UPDATE transfers SET corrects = NULL""",
    ],
}


@pytest.fixture(scope="module")
def filled_dsn(database_server: DatabaseServer) -> Iterator[str]:
    """Yield the address of a database in use; every test rolls its tampering back."""
    name = f"like_ledger_checks_{uuid4().hex}"
    run_in_thread(database_server._execute(f"CREATE DATABASE {name} TEMPLATE {database_server.template}"))
    run_in_thread(fill_database(database_server.database_dsn(name)))
    yield database_server.database_dsn(name)
    run_in_thread(database_server._execute(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def conn(filled_dsn: str) -> AsyncIterator[Connection]:
    """Yield a connection without triggers and foreign keys; its changes are rolled back."""
    owner = await asyncpg.connect(filled_dsn)
    attempt = owner.transaction()
    await attempt.start()
    await owner.execute("SET LOCAL session_replication_role = replica")
    yield owner
    await attempt.rollback()
    await owner.close()


async def test_a_database_in_use_breaks_no_invariant(conn: Connection):
    assert await sql_checks.run_checks(conn) == []


async def test_the_database_in_use_has_rows_for_every_check(conn: Connection):
    states = await conn.fetch("SELECT DISTINCT state::text FROM likes")
    assert {row["state"] for row in states} == {"counted", "withdrawn", "quarantined", "over_limit"}
    assert await conn.fetchval("SELECT count(*) FROM transfers WHERE corrects IS NOT NULL") >= 2
    assert await conn.fetchval("SELECT count(*) FROM like_batches WHERE folded_at IS NULL") == 3
    assert await conn.fetchval("SELECT sum(likes) FROM refusal_counts") == 1
    assert await conn.fetchval("SELECT sum(balance_minor) FROM accounts WHERE campaign = 'closed'") == 50
    assert await conn.fetchval("SELECT count(DISTINCT state) FROM proposal_steps") == len(proposals.ProposalState)


def test_every_check_has_a_tampering():
    assert sorted(TAMPERINGS) == [check.name for check in scripts("checks")]


@pytest.mark.parametrize(
    ("name", "tampering"), [(name, sql) for name, statements in TAMPERINGS.items() for sql in statements]
)
async def test_a_tampering_is_detected(conn: Connection, name: str, tampering: str):
    await conn.execute(tampering)
    violations = {violation.name: violation for violation in await sql_checks.run_checks(conn)}
    assert name in violations
    assert violations[name].rows
    assert violations[name].count >= len(violations[name].rows)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE log_tiles SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40))",
        "UPDATE log_tiles SET hashes = substring(hashes FOR 32)",
        "DELETE FROM log_tiles",
        "UPDATE log_heads SET root = sha256('x') WHERE size = (SELECT max(size) FROM log_heads)",
    ],
)
async def test_tiles_that_do_not_hash_to_the_head_are_detected(conn: Connection, tampering: str):
    await conn.execute(tampering)
    assert log_tiles.NAME in {violation.name for violation in await sql_checks.run_checks(conn)}


async def test_a_violation_has_its_sentence_and_some_of_its_rows(conn: Connection):
    await conn.execute("UPDATE likes SET position = position + 100000")
    [violation] = await sql_checks.run_checks(conn)
    assert violation.name == "likes_have_a_leaf"
    assert violation.sentence.startswith("Every like has its own position")
    assert "scans" not in violation.sentence
    assert len(violation.rows) == sql_checks.ROWS_MAX < violation.count


async def test_scans_of_whole_tables_can_be_left_out(conn: Connection):
    await conn.execute("UPDATE likes SET position = position + 100000")
    assert await sql_checks.run_checks(conn, with_scans=False) == []
    cheap = {check.name for check in sql_checks.list_checks(with_scans=False)}
    assert cheap < {check.name for check in sql_checks.list_checks()}
    assert {"balances_equal_transfers", "earned_equals_due", "only_world_is_negative"} <= cheap


async def test_counts_outlive_the_likes_of_a_campaign_past_its_retention(conn: Connection):
    for row in await conn.fetch("SELECT format('DROP TABLE likes_%s', campaign_id) AS statement FROM campaigns"):
        await conn.execute(row["statement"])
    assert await sql_checks.run_checks(conn) == []


@pytest.mark.parametrize("check", scripts("checks"), ids=lambda check: check.name)
def test_a_check_opens_with_a_sentence_and_is_one_query(check: Script):
    sentence = sql_checks.check_sentence(check)
    assert sentence[0].isupper() or sentence[0] == "`"
    assert sentence.endswith(".")
    query = "\n".join(line for line in check.text.splitlines() if not line.startswith("--"))
    assert query.count(";") == 1
    assert query.endswith(";")
