-- name: find_last_settled_period
-- Find the newest settled period of a campaign, with or without money, and whether its last
-- settlement exists.
SELECT max(period) AS period, coalesce(bool_or(is_last AND NOT EXISTS (
    SELECT FROM payouts p JOIN payout_steps s USING (payout_id)
    WHERE p.settlement_id = settlements.settlement_id AND s.state = 'cancelled'
)), false) AS is_ended
FROM settlements WHERE campaign = $1;

-- name: add_settlement
-- Insert a settlement, once for each campaign and period.
INSERT INTO settlements (settlement_id, campaign, period, cut_off, currency, total_minor, is_last, made_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: add_shares
-- Insert the share and the carried amount of each charity, in the order of the terms.
INSERT INTO settlement_shares (settlement_id, position, charity, share_minor, brought_minor, transfer_id)
SELECT $1, row_number() OVER (), n.*
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::uuid[])
    AS n (charity, share_minor, brought_minor, transfer_id);

-- name: add_payouts
-- Insert one payout for each share that is large enough.
INSERT INTO payouts (payout_id, settlement_id, charity, amount_minor)
SELECT n.payout_id, $1, n.charity, n.amount_minor
FROM unnest($2::text[], $3::text[], $4::bigint[]) AS n (payout_id, charity, amount_minor);

-- name: add_payout_step
-- Insert the next step of a payout.
INSERT INTO payout_steps (
    payout_id, number, state, attempt, payee, by, at, channel, message_id, bank_reference, bank_day, reason, evidence
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: list_charity_balances
-- List the total and the payable balance of each charity of a campaign.
SELECT
    charity, sum(balance_minor)::bigint AS settled_minor,
    coalesce(sum(balance_minor) FILTER (WHERE kind = 'payable'), 0)::bigint AS payable_minor
FROM accounts WHERE campaign = $1 AND charity <> '' GROUP BY charity;

-- name: list_reserved_amounts
-- List, by charity, the `payable` money that belongs to waiting or returned payouts.
SELECT p.charity, sum(p.amount_minor)::bigint AS reserved_minor
FROM payouts p
JOIN settlements s USING (settlement_id)
CROSS JOIN LATERAL (
    SELECT state FROM payout_steps t WHERE t.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
) newest
WHERE s.campaign = $1 AND newest.state IN ('waiting', 'returned')
GROUP BY p.charity;

-- name: read_settlements
-- Read the settlements that have a share, oldest first. A null filter matches every campaign or id.
SELECT settlement_id, campaign, period, cut_off, currency, total_minor, is_last, made_by, made_at
FROM settlements s
WHERE ($1::text[] IS NULL OR campaign = ANY($1::text[])) AND ($2::text[] IS NULL OR settlement_id = ANY($2::text[]))
    AND EXISTS (SELECT FROM settlement_shares h WHERE h.settlement_id = s.settlement_id)
ORDER BY campaign, period;

-- name: read_payout_differences
-- Read the parts of bank bookings that are no payout, by payout, oldest first, with the number of
-- payouts that share each.
SELECT o.payout_id, d.kind, d.amount_minor, l.booked_on, line.payout_count, line.first_payout_id = o.payout_id
FROM statement_line_payouts o
JOIN statement_line_differences d USING (account, statement_id, edition, number)
JOIN statement_lines l USING (account, statement_id, edition, number)
CROSS JOIN LATERAL (
    SELECT count(*) AS payout_count, min(p.payout_id) AS first_payout_id FROM statement_line_payouts p
    WHERE (p.account, p.statement_id, p.edition, p.number) = (o.account, o.statement_id, o.edition, o.number)
) line
WHERE o.payout_id = ANY($1::text[])
ORDER BY o.payout_id, l.booked_on, o.account, o.statement_id, o.edition, o.number, d.kind;

-- name: read_shares
-- Read the shares of settlements with their payouts, in the order of the terms.
SELECT h.settlement_id, h.charity, h.share_minor, h.brought_minor, h.transfer_id, p.payout_id, p.amount_minor
FROM settlement_shares h
LEFT JOIN payouts p USING (settlement_id, charity)
WHERE h.settlement_id = ANY($1::text[])
ORDER BY h.settlement_id, h.position;

-- name: read_payout_steps
-- Read the steps of payouts, oldest first, with their leaf indexes in the public log.
SELECT
    payout_id, number, state, attempt, payee, by, at, channel, message_id, bank_reference, bank_day, reason, evidence,
    q.leaf_index
FROM payout_steps s
LEFT JOIN leaf_queue q ON q.subject = 'payout/' || s.payout_id || '/' || s.number
WHERE payout_id = ANY($1::text[]) ORDER BY payout_id, number;

-- name: read_approvals
-- Read the approvals of settlements, oldest first.
SELECT settlement_id, hash, person, at FROM settlement_approvals
WHERE settlement_id = ANY($1::text[]) ORDER BY at, person;

-- name: lock_campaign_of_settlement
-- Lock the campaign of a settlement. Settling, approving, sending and reconciling take this lock
-- before any account.
SELECT c.campaign_id FROM campaigns c JOIN settlements s ON s.campaign = c.slug
WHERE s.settlement_id = $1 FOR NO KEY UPDATE OF c;

-- name: add_approval
-- Insert an approval. A second approval by the same person has no effect.
INSERT INTO settlement_approvals (settlement_id, hash, person, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: find_settlement_of_payout
-- Find the settlement of a payout.
SELECT settlement_id FROM payouts WHERE payout_id = $1;

-- name: find_newest_settlement
-- Find the newest settlement with a share in the campaign of a settlement.
SELECT n.settlement_id FROM settlements s
JOIN settlements n USING (campaign)
WHERE s.settlement_id = $1 AND EXISTS (SELECT FROM settlement_shares h WHERE h.settlement_id = n.settlement_id)
ORDER BY n.period DESC LIMIT 1;
