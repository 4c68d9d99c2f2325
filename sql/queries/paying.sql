-- name: list_settlements
-- Envelopes newest first, before a moment and id; the filters may be null. A stage is a state, of which only `waiting` is
-- two: `open` until enough people approved, `approved` then.
SELECT s.settlement_id, s.made_at FROM settlements s
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN coalesce(bool_and(n.state = 'paid'), true) THEN 'reconciled'
            WHEN bool_and(n.state = 'cancelled') THEN 'cancelled'
            WHEN bool_and(n.state IN ('sent', 'paid', 'returned')) THEN 'sent'
            WHEN bool_or(n.state <> 'waiting') THEN 'sending'
            ELSE 'waiting'
        END AS stage
    FROM payouts p
    CROSS JOIN LATERAL (
        SELECT state FROM payout_steps t WHERE t.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
    ) n
    WHERE p.settlement_id = s.settlement_id
) now
WHERE ($1::timestamptz IS NULL OR (s.made_at, s.settlement_id) < ($1, $2))
    AND ($4::text IS NULL OR s.campaign = $4) AND ($5::text IS NULL OR now.stage = $5)
    AND EXISTS (SELECT FROM settlement_shares h WHERE h.settlement_id = s.settlement_id)
ORDER BY s.made_at DESC, s.settlement_id DESC LIMIT $3;

-- name: list_payouts
-- Those of the newest envelope first, before a moment and id; the filters may be null.
SELECT p.payout_id, p.settlement_id FROM payouts p
JOIN settlements s USING (settlement_id)
CROSS JOIN LATERAL (
    SELECT state FROM payout_steps t WHERE t.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
) n
WHERE ($1::timestamptz IS NULL OR (s.made_at, p.payout_id) < ($1, $2))
    AND ($4::text IS NULL OR s.campaign = $4) AND ($5::text IS NULL OR p.charity = $5)
    AND ($6::text IS NULL OR n.state = $6)
ORDER BY s.made_at DESC, p.payout_id DESC LIMIT $3;

-- name: list_statement_lines
-- The newest booked first, behind a line; null: matched or not.
SELECT
    left(encode(sha256(convert_to(concat_ws(chr(31), account, statement_id, number), 'UTF8')), 'hex'), 16) AS line_id,
    account, statement_id, number, s.currency, l.amount_minor, l.is_credit, l.booked_on, l.end_to_end_id,
    l.bank_reference, l.said, coalesce(l.payout_id, m.payout_id) AS payout_id, l.matched_by, m.by, m.at, m.reason
FROM statement_lines l
JOIN statements s USING (account, statement_id)
LEFT JOIN statement_matches m USING (account, statement_id, number)
WHERE ($1::date IS NULL OR (l.booked_on, account, statement_id, number) < ($1, $2, $3, $4))
    AND ($6::boolean IS NULL OR (coalesce(l.payout_id, m.payout_id) IS NULL) = $6)
ORDER BY l.booked_on DESC, account DESC, statement_id DESC, number DESC LIMIT $5;

-- name: unmatched_of_file
-- The lines of a file, by its SHA-256, that no rule could match, as they were taken in.
SELECT number, amount_minor, is_credit, booked_on, end_to_end_id, said, matched_by FROM statement_lines l
JOIN statements s USING (account, statement_id)
WHERE s.evidence = $1 AND l.payout_id IS NULL ORDER BY account, statement_id, is_credit, number;
