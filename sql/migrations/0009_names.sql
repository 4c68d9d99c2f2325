-- Names: tables, columns, constraints, indexes, triggers and functions take the field's terms;
-- every row stays. Stop all instances before it: an older program does not know the new names, so
-- squawk's renaming rules do not apply.
-- squawk-ignore-file renaming-table, renaming-column, renaming-object

-- Tables and their columns.
ALTER TABLE admin_answers RENAME TO idempotency_keys;
ALTER TABLE idempotency_keys RENAME COLUMN answer TO response;
ALTER TABLE audit RENAME TO audit_log;
ALTER TABLE audit_log RENAME COLUMN door TO entry_point;
ALTER TABLE catalogue RENAME TO catalogue_version;
ALTER TABLE pauses RENAME TO content_pauses;
ALTER TABLE uploads RENAME TO content_uploads;
ALTER TABLE upload_chunks RENAME TO content_upload_chunks;
ALTER TABLE log_cosignatures RENAME COLUMN kept_at TO stored_at;
ALTER TABLE platform_keys RENAME COLUMN dropped_at TO revoked_at;
ALTER TABLE proposals RENAME COLUMN place TO subject_id;
ALTER TABLE settlement_shares RENAME COLUMN place TO position;
ALTER TABLE sponsor_names RENAME COLUMN given_at TO added_at;
ALTER TABLE statement_lines RENAME COLUMN said TO description;
ALTER TABLE statements RENAME COLUMN taken_by TO imported_by;
ALTER TABLE statements RENAME COLUMN taken_at TO imported_at;
ALTER TABLE tokens RENAME COLUMN dropped_at TO revoked_at;

-- A proposal that no second person has decided yet is pending, in old rows too.
ALTER TABLE proposal_steps DISABLE TRIGGER proposal_steps_are_append_only;
-- squawk-ignore ban-drop-constraint
ALTER TABLE proposal_steps DROP CONSTRAINT proposal_steps_state_is_known;
UPDATE proposal_steps SET state = 'pending' WHERE state = 'waits';
-- Some 1,000 rows take a moment, and no instance runs meanwhile.
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE proposal_steps ADD CONSTRAINT proposal_steps_state_is_known
    CHECK (state IN ('pending', 'approved', 'done', 'refused', 'withdrawn', 'failed'));
ALTER TABLE proposal_steps ENABLE TRIGGER proposal_steps_are_append_only;

-- Commands take their new names, in old entries of the audit log too.
ALTER TABLE audit_log DISABLE TRIGGER audit_is_append_only;
UPDATE audit_log SET command = CASE command
    WHEN 'proposal.ask' THEN 'proposal.create'
    WHEN 'proposal.do' THEN 'proposal.execute'
    WHEN 'payout.again' THEN 'payout.retry'
    WHEN 'payout.answer' THEN 'payout.record-result'
    WHEN 'charity.change' THEN 'charity.rename'
    WHEN 'sponsor.change' THEN 'sponsor.rename'
END
WHERE command IN (
    'proposal.ask', 'proposal.do', 'payout.again', 'payout.answer', 'charity.change', 'sponsor.change'
);
ALTER TABLE audit_log ENABLE TRIGGER audit_is_append_only;

-- Stored responses of admin commands: a repeated key returns them, and a page shows them. `json`
-- keeps the values as they were written. A response of another form stays as it is.
DO $$
DECLARE
    entry record;
    old json;
BEGIN
    FOR entry IN SELECT name, key, response FROM idempotency_keys WHERE response IS NOT NULL LOOP
        BEGIN
            old := convert_from(entry.response, 'UTF8')::json;
            CONTINUE WHEN json_typeof(old) <> 'object' OR old -> 'besides' IS NULL OR old -> 'waits_for' IS NULL;
            UPDATE idempotency_keys SET response = convert_to(json_build_object(
                'command', CASE old ->> 'command'
                    WHEN 'payout.again' THEN 'payout.retry'
                    WHEN 'payout.answer' THEN 'payout.record-result'
                    WHEN 'charity.change' THEN 'charity.rename'
                    WHEN 'sponsor.change' THEN 'sponsor.rename'
                    ELSE old ->> 'command'
                END,
                'subject', old -> 'subject',
                'state', CASE old ->> 'state' WHEN 'waits' THEN 'pending' ELSE old ->> 'state' END,
                'dry_run', old -> 'dry_run',
                'before', old -> 'before',
                'after', old -> 'after',
                'differences', old -> 'differences',
                'details', old -> 'besides',
                'audit', old -> 'audit',
                'proposal', old -> 'proposal',
                'approval_reason', old -> 'waits_for',
                'after_commit', NULL
            )::text, 'UTF8') WHERE name = entry.name AND key = entry.key;
        EXCEPTION WHEN data_exception THEN
            NULL;  -- not JSON
        END;
    END LOOP;
END $$;

-- The rule of a statement line and the reason of a returned payout are codes. No hash, approval or
-- log entry covers either.
ALTER TABLE statement_lines DISABLE TRIGGER statement_lines_are_append_only;
UPDATE statement_lines SET matched_by = CASE matched_by
    WHEN 'its EndToEndId' THEN 'end_to_end_id_matches'
    WHEN 'its amount and reference' THEN 'amount_and_reference_match'
    WHEN 'no payout has its EndToEndId' THEN 'end_to_end_id_unknown'
    WHEN 'another amount than the payout of its EndToEndId' THEN 'amount_differs'
    WHEN 'the payout of its EndToEndId is not where this could happen' THEN 'payout_state_does_not_fit'
    WHEN 'several payouts have its amount and reference' THEN 'several_payouts_match'
    WHEN 'no payout has its amount and reference' THEN 'no_payout_matches'
    ELSE matched_by
END;
ALTER TABLE statement_lines ENABLE TRIGGER statement_lines_are_append_only;
ALTER TABLE payout_steps DISABLE TRIGGER payout_steps_are_append_only;
UPDATE payout_steps SET reason = CASE reason
    WHEN 'refused without a reason' THEN 'refused_without_reason'
    WHEN 'came back without a reason' THEN 'returned_without_reason'
END
WHERE state = 'returned' AND reason IN ('refused without a reason', 'came back without a reason');
ALTER TABLE payout_steps ENABLE TRIGGER payout_steps_are_append_only;

-- Constraints that the schema names: each name states its rule.
ALTER TABLE accounts RENAME CONSTRAINT accounts_are_named_once TO accounts_are_unique;
ALTER TABLE accounts RENAME CONSTRAINT accounts_kind_is_on_the_line TO accounts_kind_is_known;
ALTER TABLE transfers RENAME CONSTRAINT transfers_idempotency_key_is_used_once TO transfers_idempotency_key_is_unique;
ALTER TABLE transfers RENAME CONSTRAINT transfers_key_is_bounded TO transfers_idempotency_key_is_bounded;
ALTER TABLE transfers RENAME CONSTRAINT transfers_join_two_accounts TO transfers_accounts_differ;
ALTER TABLE transfers RENAME CONSTRAINT transfers_order_the_from_account TO transfers_from_version_is_unique;
ALTER TABLE transfers RENAME CONSTRAINT transfers_order_the_to_account TO transfers_to_version_is_unique;
ALTER TABLE leaf_queue RENAME CONSTRAINT leaf_queue_places_are_given_once TO leaf_queue_index_is_unique;
ALTER TABLE leaf_queue RENAME CONSTRAINT leaf_queue_places_count_from_zero TO leaf_queue_index_is_not_negative;
ALTER TABLE leaf_queue RENAME CONSTRAINT leaf_queue_tells_a_thing_once TO leaf_queue_subject_is_unique;
ALTER TABLE leaf_queue RENAME CONSTRAINT leaf_queue_body_fits_an_entry TO leaf_queue_body_is_bounded;
ALTER TABLE log_heads RENAME CONSTRAINT log_heads_extend_another_once TO log_heads_previous_size_is_unique;
ALTER TABLE log_heads RENAME CONSTRAINT log_heads_begin_with_the_empty_tree TO log_heads_first_is_the_empty_tree;
ALTER TABLE log_tiles RENAME CONSTRAINT log_tiles_hold_1_to_256_hashes TO log_tiles_have_1_to_256_hashes;
ALTER TABLE platforms RENAME CONSTRAINT platforms_are_named_once TO platforms_name_is_unique;
ALTER TABLE platform_keys
    RENAME CONSTRAINT platform_keys_hold_what_their_scheme_needs TO platform_keys_match_their_scheme;
ALTER TABLE campaigns RENAME CONSTRAINT campaigns_slug_is_used_once TO campaigns_slug_is_unique;
ALTER TABLE content_pauses RENAME CONSTRAINT pauses_end_after_they_begin TO content_pauses_end_after_they_begin;
ALTER TABLE content_uploads RENAME CONSTRAINT uploads_hold_something TO content_uploads_are_not_empty;
ALTER TABLE content_upload_chunks
    RENAME CONSTRAINT upload_chunks_hold_something TO content_upload_chunks_are_not_empty;
ALTER TABLE content_upload_chunks
    RENAME CONSTRAINT upload_chunks_change_what_they_hold TO content_upload_chunks_changed_is_within_contents;
ALTER TABLE content_upload_chunks
    RENAME CONSTRAINT upload_chunks_say_what_they_did TO content_upload_chunks_changed_is_set_when_done;
ALTER TABLE like_batches RENAME CONSTRAINT like_batches_hold_their_leaves TO like_batches_leaves_match_size;
ALTER TABLE settlements RENAME CONSTRAINT settlements_of_a_period_are_made_once TO settlements_period_is_unique;
ALTER TABLE settlement_shares RENAME CONSTRAINT settlement_shares_are_something TO settlement_shares_sum_is_positive;
ALTER TABLE settlement_shares
    RENAME CONSTRAINT settlement_shares_move_by_a_transfer TO settlement_shares_have_a_transfer_if_positive;
ALTER TABLE payouts RENAME CONSTRAINT payouts_are_of_a_share TO payouts_belong_to_a_share;
ALTER TABLE payouts RENAME CONSTRAINT payouts_of_a_share_are_made_once TO payouts_share_is_unique;
ALTER TABLE payout_messages RENAME CONSTRAINT payout_messages_id_fits_a_bank_s TO payout_messages_id_is_bank_safe;
ALTER TABLE payout_steps RENAME CONSTRAINT payout_steps_say_what_their_state_needs TO payout_steps_match_their_state;
ALTER TABLE statements RENAME CONSTRAINT statements_name_themselves TO statements_are_bounded;
ALTER TABLE statement_lines
    RENAME CONSTRAINT statement_lines_are_of_a_statement TO statement_lines_belong_to_a_statement;
ALTER TABLE statement_matches RENAME CONSTRAINT statement_matches_are_of_a_line TO statement_matches_belong_to_a_line;
ALTER TABLE statement_matches RENAME CONSTRAINT statement_matches_say_who_and_why TO statement_matches_are_bounded;
ALTER TABLE sessions RENAME CONSTRAINT sessions_end TO sessions_end_after_they_begin;
ALTER TABLE audit_log RENAME CONSTRAINT audit_door_is_known TO audit_log_entry_point_is_known;
ALTER TABLE charities RENAME CONSTRAINT charities_name_is_a_slug TO charities_slug_is_a_slug;
ALTER TABLE charities RENAME CONSTRAINT charities_account_is_one TO charities_account_is_an_object;
ALTER TABLE sponsors RENAME CONSTRAINT sponsors_are_named_once TO sponsors_name_is_unique;
ALTER TABLE sponsors RENAME CONSTRAINT sponsors_id_is_one TO sponsors_id_is_valid;

-- Constraints that start with the old name of their table. Renaming a key renames its index.
DO $$
DECLARE
    tables constant text[] := ARRAY[
        ['admin_answers', 'idempotency_keys'], ['audit', 'audit_log'], ['catalogue', 'catalogue_version'],
        ['pauses', 'content_pauses'], ['uploads', 'content_uploads'], ['upload_chunks', 'content_upload_chunks']
    ];
    pair text[];
    stale record;
BEGIN
    FOREACH pair SLICE 1 IN ARRAY tables LOOP
        FOR stale IN
            SELECT conname, pair[2] || substr(conname, length(pair[1]) + 1) AS new_name FROM pg_constraint
            WHERE conrelid = to_regclass(pair[2]) AND contype <> 'n' AND starts_with(conname, pair[1] || '_')
                AND NOT starts_with(conname, pair[2] || '_')
        LOOP
            EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', pair[2], stale.conname, stale.new_name);
        END LOOP;
    END LOOP;
END $$;

-- PostgreSQL 18 names each NOT NULL after its table and column; older servers have none to rename.
DO $$
DECLARE
    stale record;
BEGIN
    FOR stale IN
        SELECT t.relname, c.conname, concat_ws('_', t.relname, a.attname, 'not_null') AS new_name
        FROM pg_constraint c
        JOIN pg_class t ON t.oid = c.conrelid
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        WHERE c.contype = 'n' AND c.connamespace = 'public'::regnamespace
            AND t.relname IN (
                'audit_log', 'catalogue_version', 'content_pauses', 'content_upload_chunks', 'content_uploads',
                'idempotency_keys', 'log_cosignatures', 'proposals', 'settlement_shares', 'sponsor_names',
                'statement_lines', 'statements'
            )
            AND c.conname <> concat_ws('_', t.relname, a.attname, 'not_null')
    LOOP
        EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', stale.relname, stale.conname, stale.new_name);
    END LOOP;
END $$;

-- Indexes and the sequence.
ALTER INDEX leaf_queue_waiting RENAME TO leaf_queue_pending;
ALTER INDEX pauses_by_version RENAME TO content_pauses_by_version;
ALTER INDEX uploads_by_time RENAME TO content_uploads_by_time;
ALTER INDEX uploads_that_run RENAME TO content_uploads_running;
ALTER INDEX tokens_name_is_one_person_s RENAME TO tokens_live_name_is_unique;
ALTER INDEX admin_answers_by_time RENAME TO idempotency_keys_by_time;
ALTER INDEX audit_by_subject RENAME TO audit_log_by_subject;
ALTER INDEX audit_by_person RENAME TO audit_log_by_person;
ALTER INDEX log_cosignatures_of_a_head RENAME TO log_cosignatures_by_size;
ALTER SEQUENCE audit_audit_id_seq RENAME TO audit_log_audit_id_seq;

-- Triggers.
ALTER TRIGGER audit_is_append_only ON audit_log RENAME TO audit_log_is_append_only;
ALTER TRIGGER accounts_are_kept ON accounts RENAME TO accounts_are_never_deleted;
ALTER TRIGGER leaf_queue_is_kept ON leaf_queue RENAME TO leaf_queue_is_never_deleted;
ALTER TRIGGER leaf_queue_bytes_are_kept ON leaf_queue RENAME TO leaf_queue_body_is_immutable;
ALTER TRIGGER leaf_queue_places_are_kept ON leaf_queue RENAME TO leaf_queue_index_is_immutable;
ALTER TRIGGER log_identity_is_kept ON log_identity RENAME TO log_identity_is_immutable;
ALTER TRIGGER log_heads_are_kept ON log_heads RENAME TO log_heads_are_never_deleted;
ALTER TRIGGER log_heads_say_the_same ON log_heads RENAME TO log_heads_are_immutable;
ALTER TRIGGER log_tiles_are_kept ON log_tiles RENAME TO log_tiles_are_never_deleted;
ALTER TRIGGER charities_are_kept ON charities RENAME TO charities_are_never_deleted;
ALTER TRIGGER sponsors_are_kept ON sponsors RENAME TO sponsors_are_never_deleted;

-- Functions; rights and triggers follow them.
ALTER FUNCTION open_likes(integer) RENAME TO create_likes_partition;
ALTER FUNCTION refuse_another_past() RENAME TO refuse_rewrite;
CREATE OR REPLACE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: what the log has published never changes', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE FUNCTION create_likes_partition(campaign integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- ATTACH locks less than CREATE … PARTITION OF, which waits for every reader of any campaign's
    -- likes.
    EXECUTE format('CREATE TABLE likes_%s (LIKE likes INCLUDING ALL)', campaign);
    EXECUTE format('ALTER TABLE likes ATTACH PARTITION likes_%s FOR VALUES IN (%s)', campaign, campaign);
END $$;
