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

-- name: list_overdue_payouts
-- List the payouts that are `sent` since before a moment, oldest first.
SELECT p.payout_id, p.settlement_id, s.campaign, newest.at AS sent_at FROM payouts p
JOIN settlements s USING (settlement_id)
CROSS JOIN LATERAL (
    SELECT state, at FROM payout_steps t WHERE t.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
) newest
WHERE newest.state = 'sent' AND newest.at < $1
ORDER BY newest.at, p.payout_id LIMIT $2;

-- name: read_payout_backlog
-- Count the unmatched statement lines, the statuses to review, and the payouts that are `sent` since
-- before a moment; return when the oldest payout in `sending` and in `waiting` entered its state.
SELECT
    (
        SELECT count(*) FROM statement_lines l
        WHERE NOT EXISTS (
            SELECT FROM statement_line_payouts p
            WHERE (p.account, p.statement_id, p.edition, p.number) = (l.account, l.statement_id, l.edition, l.number)
        )
    ) AS unmatched,
    (
        SELECT count(*) FROM payment_statuses s
        WHERE NOT EXISTS (SELECT FROM payment_status_reviews r WHERE r.status_id = s.status_id)
    ) AS unreviewed,
    (
        SELECT count(*) FROM payouts p
        CROSS JOIN LATERAL (
            SELECT state, at FROM payout_steps s WHERE s.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
        ) newest
        WHERE newest.state = 'sent' AND newest.at < $1
    ) AS overdue,
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
