-- name: lock_settlement
-- One at a time approves, sends or records an envelope.
SELECT pg_advisory_xact_lock(hashtextextended('settlement ' || $1, 72));

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

-- name: add_token
-- Null where the name has a token already.
INSERT INTO tokens (digest, name, role, made_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING name;

-- name: find_token
-- Whose token it is, and what they may do.
SELECT name, role FROM tokens WHERE digest = $1 AND dropped_at IS NULL;

-- name: begin_sending
-- One sender of an envelope at a time, while no transaction is open; given up with the connection.
SELECT pg_try_advisory_lock(hashtextextended('sending ' || $1, 72));

-- name: end_sending
-- The next may.
SELECT pg_advisory_unlock(hashtextextended('sending ' || $1, 72));
