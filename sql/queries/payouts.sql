-- name: add_message
-- Insert a message to a counterparty, byte for byte as it is sent.
INSERT INTO payout_messages (message_id, channel, body, made_at) VALUES ($1, $2, $3, $4);

-- name: list_messages
-- List the messages that contained a payout of a settlement, oldest first.
SELECT message_id, channel, body FROM payout_messages WHERE message_id IN (
    SELECT message_id FROM payout_steps t JOIN payouts p USING (payout_id) WHERE p.settlement_id = $1
) ORDER BY made_at, message_id;

-- name: try_lock_settlement_for_session
-- Try to lock a settlement for sending, outside a transaction. The end of the connection releases
-- it.
SELECT pg_try_advisory_lock(hashtextextended('sending ' || $1, 72));

-- name: try_lock_settlement
-- Try to lock a settlement for sending until the transaction ends. Shares its key with the session
-- lock.
SELECT pg_try_advisory_xact_lock(hashtextextended('sending ' || $1, 72));

-- name: unlock_settlement
-- Release the session lock of a settlement.
SELECT pg_advisory_unlock(hashtextextended('sending ' || $1, 72));

-- name: lock_message
-- Lock a message while it is sent, so that no result of it is recorded meanwhile. The end of the
-- connection releases it.
SELECT pg_advisory_lock(hashtextextended('message ' || $1, 72));

-- name: try_lock_message
-- Try to lock a message until the transaction ends: its results are recorded before or after it is
-- sent, never during.
SELECT pg_try_advisory_xact_lock(hashtextextended('message ' || $1, 72));

-- name: unlock_message
-- Release the session lock of a message.
SELECT pg_advisory_unlock(hashtextextended('message ' || $1, 72));

-- name: list_unfinished_settlements
-- List settlements and channels with a payout in state `sending` since before a moment, after a
-- settlement and channel.
SELECT DISTINCT p.settlement_id, n.channel FROM payouts p
CROSS JOIN LATERAL (
    SELECT state, channel, at FROM payout_steps s WHERE s.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
) n
WHERE n.state = 'sending' AND n.channel = ANY($1::text[]) AND n.at < $2
    AND (p.settlement_id, n.channel) > ($3, $4)
ORDER BY p.settlement_id, n.channel LIMIT $5;

-- name: read_payout_backlog
-- Count the unmatched statement lines; return when the oldest payout in `sending` and in `waiting`
-- entered its state.
SELECT
    (
        SELECT count(*) FROM statement_lines l
        LEFT JOIN statement_matches m USING (account, statement_id, edition, number)
        WHERE l.payout_id IS NULL AND m.payout_id IS NULL
    ) AS unmatched,
    (
        SELECT min(newest.at) FROM payouts p
        CROSS JOIN LATERAL (
            SELECT state, at FROM payout_steps s WHERE s.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
        ) newest
        WHERE newest.state = 'sending'
    ) AS sending_since,
    (
        SELECT min(newest.at) FROM payouts p
        CROSS JOIN LATERAL (
            SELECT state, at FROM payout_steps s WHERE s.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
        ) newest
        WHERE newest.state = 'waiting'
    ) AS waiting_since;
