-- Grant the least privilege to the service and to readers. `like-ledger migrate` runs this after
-- every migration; it is idempotent.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['like_ledger_service', 'like_ledger_reader'] LOOP
        BEGIN
            IF to_regrole(name) IS NULL THEN  -- without CREATEROLE, existing roles suffice
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles are per server: another database created it
        END;
        EXECUTE format('GRANT %I TO CURRENT_USER', name);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA public TO like_ledger_service, like_ledger_reader;
GRANT SELECT ON accounts, transfers, leaf_queue, campaigns, enrolments, day_counts, refusal_counts, people_counts,
    schema_migrations, log_identity, log_heads, log_tiles TO like_ledger_reader;
-- A reader sees no account number: neither in the terms' promise nor in the register. Older releases
-- granted both tables whole.
REVOKE SELECT ON terms, charities FROM like_ledger_reader;
GRANT SELECT (
    campaign_id, version, from_day, amount_minor, per_likes, daily_cap_minor, likes_per_person_per_day, recorded_at,
    quality_from
) ON terms TO like_ledger_reader;
GRANT SELECT (charity, name_zh, name_en, added_at, disabled_at) ON charities TO like_ledger_reader;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO like_ledger_service;
GRANT INSERT ON accounts, transfers, leaf_queue, platforms, platform_keys, campaigns, terms, enrolments,
    likes, person_days, like_batches, day_counts, refusal_counts, people_counts, deliveries TO like_ledger_service;
GRANT UPDATE (balance_minor, version) ON accounts TO like_ledger_service;
GRANT UPDATE (version) ON catalogue_version TO like_ledger_service;
GRANT UPDATE (revoked_at) ON platform_keys TO like_ledger_service;
GRANT UPDATE (closed_at) ON campaigns TO like_ledger_service;
GRANT UPDATE (campaign_id, enrolled_at, version) ON enrolments TO like_ledger_service;
GRANT UPDATE (
    state, event_at, latest_at, is_suspect, day, batch_id, position, person, verdict, is_low_quality, leaf_at, lacks_leaf
) ON likes TO like_ledger_service;
GRANT UPDATE (live, contents, person) ON person_days TO like_ledger_service;
GRANT UPDATE (folded_at, folded_with, nonce_key, nonces, receipt_digests) ON like_batches TO like_ledger_service;
GRANT UPDATE (counted, withdrawn, quarantined, void, over_limit, duplicate, low_quality) ON day_counts TO like_ledger_service;
GRANT UPDATE (likes) ON refusal_counts TO like_ledger_service;
GRANT UPDATE (people, as_of) ON people_counts TO like_ledger_service;
GRANT INSERT ON log_identity, log_heads, log_tiles, account_salts TO like_ledger_service;
GRANT UPDATE (leaf_index) ON leaf_queue TO like_ledger_service;
GRANT UPDATE (checkpoint) ON log_heads TO like_ledger_service;
GRANT UPDATE (hashes) ON log_tiles TO like_ledger_service;
GRANT DELETE ON deliveries TO like_ledger_service;
GRANT INSERT, DELETE ON like_tombstones TO like_ledger_service;
GRANT USAGE ON SEQUENCE like_batches_batch_id TO like_ledger_service;
GRANT EXECUTE ON FUNCTION create_likes_partition(integer) TO like_ledger_service;

GRANT SELECT ON settlements, settlement_shares, payouts, settlement_approvals TO like_ledger_reader;
GRANT INSERT ON settlements, settlement_shares, payouts, payout_messages, payout_steps, settlement_approvals, tokens,
    statements, statement_lines, statement_matches, statement_line_payouts, statement_line_differences,
    payment_statuses, payment_status_reviews TO like_ledger_service;
GRANT SELECT ON statement_line_payouts, statement_line_differences TO like_ledger_reader;
GRANT UPDATE (revoked_at) ON tokens TO like_ledger_service;

GRANT INSERT ON sessions, idempotency_keys, proposals, proposal_steps, audit_log TO like_ledger_service;
GRANT UPDATE (ended_at), DELETE ON sessions TO like_ledger_service;
GRANT UPDATE (response), DELETE ON idempotency_keys TO like_ledger_service;

GRANT SELECT ON content_pauses TO like_ledger_reader;
GRANT INSERT ON content_pauses, content_uploads, content_upload_chunks TO like_ledger_service;
GRANT UPDATE (paused_at, resumed_at, version) ON content_pauses TO like_ledger_service;
GRANT UPDATE (ended_at, fault) ON content_uploads TO like_ledger_service;
GRANT UPDATE (changed, done_at) ON content_upload_chunks TO like_ledger_service;
GRANT SELECT ON log_witnesses, log_cosignatures, log_successions TO like_ledger_reader;
GRANT INSERT ON log_witnesses, log_cosignatures TO like_ledger_service;
GRANT UPDATE (known_size, next_at, fault) ON log_witnesses TO like_ledger_service;

GRANT SELECT ON sponsors, sponsor_names TO like_ledger_reader;
GRANT INSERT ON charities, sponsors, sponsor_names TO like_ledger_service;
GRANT UPDATE (name_zh, name_en, account, disabled_at) ON charities TO like_ledger_service;
GRANT UPDATE (name, disabled_at) ON sponsors TO like_ledger_service;
GRANT UPDATE (disabled_at) ON platforms TO like_ledger_service;
GRANT UPDATE (last_used_at) ON platform_keys TO like_ledger_service;

GRANT EXECUTE ON FUNCTION create_observations_partition(date) TO like_ledger_service;
GRANT EXECUTE ON FUNCTION drop_empty_observations_partitions(date) TO like_ledger_service;
GRANT SELECT ON verdict_counts TO like_ledger_reader;
GRANT INSERT ON rulesets, observations, closing_passes, cases, case_likes, case_steps, verdicts, verdict_counts, appeals
    TO like_ledger_service;
GRANT UPDATE (judged_at, packed, likes), DELETE ON observations TO like_ledger_service;
GRANT UPDATE (cut_off, due_at, ruleset, likes, held_likes, digest, not_judged, judged_at) ON closing_passes
    TO like_ledger_service;
GRANT UPDATE (evidence, closed_at, outcome) ON cases TO like_ledger_service;
GRANT UPDATE (person, day, case_id), DELETE ON case_likes TO like_ledger_service;
GRANT UPDATE (person, day, verdict, families, rules, ruleset, stage, decided_by, decided_at) ON verdicts
    TO like_ledger_service;
GRANT UPDATE (held, released, void) ON verdict_counts TO like_ledger_service;
GRANT UPDATE (person, message, outcome, decided_by, approved_by, decided_at, reason) ON appeals TO like_ledger_service;

GRANT INSERT, DELETE ON platform_like_ids TO like_ledger_service;
GRANT UPDATE (campaign_id, content, person, event_at, is_undone) ON platform_like_ids TO like_ledger_service;
GRANT INSERT ON unread_events TO like_ledger_service;
GRANT UPDATE (times, first_at, last_at) ON unread_events TO like_ledger_service;
GRANT USAGE ON SEQUENCE platform_keys_key_id_seq TO like_ledger_service;
