-- name: settled_upto
-- The newest period that was looked at, whether it made an envelope or not; and whether the last one was made.
SELECT max(period) AS period, coalesce(bool_or(is_last AND NOT EXISTS (
    SELECT FROM payouts p JOIN payout_steps s USING (payout_id)
    WHERE p.settlement_id = settlements.settlement_id AND s.state = 'cancelled'
)), false) AS is_ended
FROM settlements WHERE campaign = $1;

-- name: add_settlement
-- Once for each campaign and period.
INSERT INTO settlements (settlement_id, campaign, period, cut_off, currency, total_minor, is_last, made_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: add_shares
-- What each charity gets and brings along, in the order of the terms.
INSERT INTO settlement_shares (settlement_id, place, charity, share_minor, brought_minor, transfer_id)
SELECT $1, row_number() OVER (), n.*
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::uuid[]) AS n (charity, share_minor, brought_minor, transfer_id);

-- name: add_payouts
-- Each of a share.
INSERT INTO payouts (payout_id, settlement_id, charity, amount_minor)
SELECT n.payout_id, $1, n.charity, n.amount_minor
FROM unnest($2::text[], $3::text[], $4::bigint[]) AS n (payout_id, charity, amount_minor);

-- name: add_payout_step
-- The next step of a payout.
INSERT INTO payout_steps (
    payout_id, number, state, attempt, payee, by, at, channel, message_id, bank_reference, bank_day, reason, evidence
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: charity_balances
-- What was settled for each charity of a campaign, and how much of it waits to be sent.
SELECT
    charity, sum(balance_minor)::bigint AS settled_minor,
    coalesce(sum(balance_minor) FILTER (WHERE kind = 'payable'), 0)::bigint AS payable_minor
FROM accounts WHERE campaign = $1 AND charity <> '' GROUP BY charity;

-- name: reserved_by_payouts
-- What waits in `payable` for payouts that were made already: to be sent, or come back.
SELECT p.charity, sum(p.amount_minor)::bigint AS reserved_minor
FROM payouts p
JOIN settlements s USING (settlement_id)
CROSS JOIN LATERAL (
    SELECT state FROM payout_steps t WHERE t.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
) newest
WHERE s.campaign = $1 AND newest.state IN ('waiting', 'returned')
GROUP BY p.charity;

-- name: every_envelope
-- Settlements with a share, oldest first; null: of every campaign, of whatever id.
SELECT settlement_id, campaign, period, cut_off, currency, total_minor, is_last, made_by, made_at
FROM settlements s
WHERE ($1::text[] IS NULL OR campaign = ANY($1::text[])) AND ($2::text[] IS NULL OR settlement_id = ANY($2::text[]))
    AND EXISTS (SELECT FROM settlement_shares h WHERE h.settlement_id = s.settlement_id)
ORDER BY campaign, period;

-- name: every_share
-- Of those settlements, with the payout that was made of each, in the order of the terms.
SELECT h.settlement_id, h.charity, h.share_minor, h.brought_minor, h.transfer_id, p.payout_id, p.amount_minor
FROM settlement_shares h
LEFT JOIN payouts p USING (settlement_id, charity)
WHERE h.settlement_id = ANY($1::text[])
ORDER BY h.settlement_id, h.place;

-- name: every_payout_step
-- Of those payouts, first to last, each with its place in the public log.
SELECT
    payout_id, number, state, attempt, payee, by, at, channel, message_id, bank_reference, bank_day, reason, evidence,
    q.leaf_index
FROM payout_steps s
LEFT JOIN leaf_queue q ON q.subject = 'payout/' || s.payout_id || '/' || s.number
WHERE payout_id = ANY($1::text[]) ORDER BY payout_id, number;

-- name: every_approval
-- Of those settlements, first to last.
SELECT settlement_id, hash, person, at FROM settlement_approvals
WHERE settlement_id = ANY($1::text[]) ORDER BY at, person;
