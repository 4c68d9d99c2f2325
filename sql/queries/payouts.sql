-- name: lock_settlement
-- One at a time settles, approves, sends or reconciles a campaign's money: all take this lock before any account.
SELECT c.campaign_id FROM campaigns c JOIN settlements s ON s.campaign = c.slug
WHERE s.settlement_id = $1 FOR NO KEY UPDATE OF c;

-- name: add_approval
-- The same person again changes nothing.
INSERT INTO settlement_approvals (settlement_id, hash, person, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: settlement_of_payout
-- Which envelope a payout is of.
SELECT settlement_id FROM payouts WHERE payout_id = $1;

-- name: newest_settlement
-- The newest envelope of a settlement's campaign.
SELECT n.settlement_id FROM settlements s
JOIN settlements n USING (campaign)
WHERE s.settlement_id = $1 AND EXISTS (SELECT FROM settlement_shares h WHERE h.settlement_id = n.settlement_id)
ORDER BY n.period DESC LIMIT 1;

-- name: add_message
-- The bytes exactly as they are sent.
INSERT INTO payout_messages (message_id, channel, body, made_at) VALUES ($1, $2, $3, $4);

-- name: messages_of_settlement
-- Every message that a payout of the envelope was told in, oldest first.
SELECT message_id, channel, body FROM payout_messages WHERE message_id IN (
    SELECT message_id FROM payout_steps t JOIN payouts p USING (payout_id) WHERE p.settlement_id = $1
) ORDER BY made_at, message_id;

-- name: begin_sending
-- One sender of an envelope at a time, while no transaction is open; given up with the connection.
SELECT pg_try_advisory_lock(hashtextextended('sending ' || $1, 72));

-- name: may_send
-- The same lock until the transaction ends: who claims what waits is not in the way of who is sending.
SELECT pg_try_advisory_xact_lock(hashtextextended('sending ' || $1, 72));

-- name: end_sending
-- The next may.
SELECT pg_advisory_unlock(hashtextextended('sending ' || $1, 72));

-- name: begin_telling
-- While a counterparty is told a message nobody says what became of it; given up with the connection.
SELECT pg_advisory_lock(hashtextextended('telling ' || $1, 72));

-- name: may_answer
-- The same lock until the transaction ends: what is said is said before it is told or after, never meanwhile.
SELECT pg_try_advisory_xact_lock(hashtextextended('telling ' || $1, 72));

-- name: end_telling
-- It was told, or was not.
SELECT pg_advisory_unlock(hashtextextended('telling ' || $1, 72));

-- name: unfinished_settlements
-- Behind an id and channel, those with a payout that is being sent by one of the channels since before a moment.
SELECT DISTINCT p.settlement_id, n.channel FROM payouts p
CROSS JOIN LATERAL (
    SELECT state, channel, at FROM payout_steps s WHERE s.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
) n
WHERE n.state = 'sending' AND n.channel = ANY($1::text[]) AND n.at < $2
    AND (p.settlement_id, n.channel) > ($3, $4)
ORDER BY p.settlement_id, n.channel LIMIT $5;

-- name: lock_statements
-- One file at a time.
SELECT pg_advisory_xact_lock(72, 3);

-- name: find_statement
-- What a statement said that was taken before.
SELECT digest FROM statements WHERE account = $1 AND statement_id = $2;

-- name: add_statement
-- Once for each account and id.
INSERT INTO statements (
    account, statement_id, currency, opening_minor, closing_minor, digest, evidence, taken_by, taken_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: add_statement_line
-- With the payout it is of, or why it is of none.
INSERT INTO statement_lines (
    account, statement_id, number, amount_minor, is_credit, booked_on, end_to_end_id, bank_reference, said,
    payout_id, matched_by
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: settlements_told
-- Envelopes with a payout of this amount that a bank was told of, or with this EndToEndId whatever its amount.
SELECT DISTINCT p.settlement_id FROM payouts p
WHERE (p.amount_minor = $1 OR upper(replace(p.payout_id, '_', '')) = regexp_replace($2::text, '-[0-9]+$', ''))
    AND EXISTS (SELECT FROM payout_steps s WHERE s.payout_id = p.payout_id AND s.state = 'sending')
ORDER BY p.settlement_id;

-- name: settlements_of_message
-- Envelopes with a payout that was told in a message.
SELECT DISTINCT p.settlement_id FROM payouts p
JOIN payout_steps s USING (payout_id)
WHERE s.message_id = $1 ORDER BY p.settlement_id;

-- name: unmatched_lines
-- What no payout was found for, newest first, each with an id that people can type.
SELECT
    left(encode(sha256(convert_to(concat_ws(chr(31), account, statement_id, number), 'UTF8')), 'hex'), 16) AS line_id,
    account, statement_id, number, amount_minor, is_credit, booked_on, end_to_end_id, bank_reference, said, matched_by
FROM statement_lines l
WHERE payout_id IS NULL
    AND NOT EXISTS (
        SELECT FROM statement_matches m
        WHERE (m.account, m.statement_id, m.number) = (l.account, l.statement_id, l.number)
    )
ORDER BY booked_on DESC, account, statement_id, number LIMIT $1;

-- name: statement_line
-- A line that no rule could match, by that id, with what its statement says, and the payout that a person said it is of.
SELECT
    account, statement_id, l.number, l.amount_minor, l.is_credit, l.booked_on, l.end_to_end_id, l.bank_reference,
    l.said, t.currency, t.evidence, m.payout_id
FROM statement_lines l
JOIN statements t USING (account, statement_id)
LEFT JOIN statement_matches m USING (account, statement_id, number)
WHERE l.payout_id IS NULL
    AND left(encode(sha256(convert_to(concat_ws(chr(31), account, statement_id, number), 'UTF8')), 'hex'), 16) = $1;

-- name: add_statement_match
-- Once for each line.
INSERT INTO statement_matches (account, statement_id, number, payout_id, reason, by, at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: payout_watch
-- What somebody should look at: lines without a payout, and since when the oldest payout is being sent unheard of, or
-- waits to be approved or sent.
SELECT
    (
        SELECT count(*) FROM statement_lines l
        LEFT JOIN statement_matches m USING (account, statement_id, number)
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
