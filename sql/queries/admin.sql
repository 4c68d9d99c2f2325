-- name: claim_idempotency_key
-- Claim an idempotency key; no row if it was used before. Waits for a transaction that claims the
-- same key.
INSERT INTO idempotency_keys (name, key, digest, made_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING key;

-- name: find_idempotency_key
-- Find the request digest and the response of an idempotency key.
SELECT digest, response FROM idempotency_keys WHERE name = $1 AND key = $2;

-- name: store_response
-- Store the response in the transaction that claimed the key.
UPDATE idempotency_keys SET response = $3 WHERE name = $1 AND key = $2;

-- name: delete_old_idempotency_keys
-- Delete the idempotency keys from before a moment.
DELETE FROM idempotency_keys WHERE made_at < $1;

-- name: add_audit_entry
-- Insert an audit entry.
INSERT INTO audit_log (at, by, role, entry_point, address, command, subject, before, after, proposal_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING audit_id;

-- name: list_audit_entries
-- List audit entries before an id, newest first. A null filter matches everything.
SELECT audit_id, at, by, role, entry_point, address, command, subject, before, after, proposal_id FROM audit_log
WHERE ($1::bigint IS NULL OR audit_id < $1)
    AND ($3::text IS NULL OR by = $3) AND ($4::text IS NULL OR command = $4)
    AND ($5::text IS NULL OR subject = $5) AND ($6::timestamptz IS NULL OR at >= $6)
    AND ($7::timestamptz IS NULL OR at < $7)
    AND ($8::text IS NULL OR starts_with(subject, $8)) AND ($9::text IS NULL OR proposal_id = $9)
    AND ($10::text IS NULL OR strpos(lower(concat_ws(' ', subject, before, after)), lower($10)) > 0)
ORDER BY audit_id DESC LIMIT $2;

-- name: add_proposal
-- Insert a command that needs the approval of a second person.
INSERT INTO proposals (
    proposal_id, command, subject_id, body, subject, reason, currency, before, after, hash, hold_seconds,
    asked_by, asked_role, asked_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: add_proposal_step
-- Insert a step of a proposal; no row if another transaction took that step.
INSERT INTO proposal_steps (proposal_id, number, state, by, reason, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING number;

-- name: lock_proposal
-- Decide on a proposal one transaction at a time.
SELECT pg_advisory_xact_lock(hashtextextended('proposal ' || $1, 72));

-- name: find_proposal
-- Find a proposal with its newest step.
SELECT p.*, s.number, s.state, s.by, s.reason AS decision_reason, s.at FROM proposals p
CROSS JOIN LATERAL (
    SELECT * FROM proposal_steps WHERE proposal_id = p.proposal_id ORDER BY number DESC LIMIT 1
) s WHERE p.proposal_id = $1;

-- name: list_proposals
-- List a page of proposals with their newest step, newest first. A null filter matches everything.
SELECT p.*, s.number, s.state, s.by, s.reason AS decision_reason, s.at FROM proposals p
CROSS JOIN LATERAL (
    SELECT * FROM proposal_steps WHERE proposal_id = p.proposal_id ORDER BY number DESC LIMIT 1
) s
WHERE ($1::timestamptz IS NULL OR (p.asked_at, p.proposal_id) < ($1, $2))
    AND ($4::text IS NULL OR s.state = $4) AND ($5::text IS NULL OR p.subject = $5)
    AND ($6::text IS NULL OR p.asked_by = $6)
ORDER BY p.asked_at DESC, p.proposal_id DESC LIMIT $3;

-- name: list_due_proposals
-- List the approved proposals whose hold has ended, earliest approval first.
SELECT p.proposal_id FROM proposals p
CROSS JOIN LATERAL (
    SELECT * FROM proposal_steps WHERE proposal_id = p.proposal_id ORDER BY number DESC LIMIT 1
) s
WHERE s.state = 'approved' AND s.at + make_interval(secs => p.hold_seconds) <= $1
ORDER BY s.at LIMIT 100;

-- name: read_proposal_ages
-- Return since when the oldest proposal is pending, and since when the oldest approved proposal is
-- due.
SELECT
    min(s.at) FILTER (WHERE s.state = 'pending') AS pending_since,
    min(s.at + make_interval(secs => p.hold_seconds)) FILTER (
        WHERE s.state = 'approved' AND s.at + make_interval(secs => p.hold_seconds) <= $1
    ) AS due_since
FROM proposals p
CROSS JOIN LATERAL (
    SELECT * FROM proposal_steps WHERE proposal_id = p.proposal_id ORDER BY number DESC LIMIT 1
) s;

-- name: list_settlements
-- List a page of settlements with a share, newest first. A null filter matches everything. The
-- stage `waiting` covers two states: `open` before enough approvals, `approved` after.
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
) newest
WHERE ($1::timestamptz IS NULL OR (s.made_at, s.settlement_id) < ($1, $2))
    AND ($4::text IS NULL OR s.campaign = $4) AND ($5::text IS NULL OR newest.stage = $5)
    AND EXISTS (SELECT FROM settlement_shares h WHERE h.settlement_id = s.settlement_id)
ORDER BY s.made_at DESC, s.settlement_id DESC LIMIT $3;

-- name: list_payouts
-- List a page of payouts, newest settlement first. A null filter matches everything.
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
-- List a page of statement lines, newest booking day first, with the parts that are no payout. A
-- null filter matches everything.
SELECT
    left(encode(sha256(convert_to(concat_ws(chr(31), account, statement_id, nullif(edition, ''), number), 'UTF8')), 'hex'), 16) AS line_id,
    account, statement_id, edition, number, s.currency, l.amount_minor, l.is_credit, l.booked_on, l.end_to_end_id,
    l.bank_reference, l.description, p.payout_ids, l.matched_by, d.charge_minor, d.difference_minor, m.by, m.at,
    m.reason
FROM statement_lines l
JOIN statements s USING (account, statement_id, edition)
LEFT JOIN statement_matches m USING (account, statement_id, edition, number)
CROSS JOIN LATERAL (
    SELECT array(
        SELECT o.payout_id FROM statement_line_payouts o
        WHERE (o.account, o.statement_id, o.edition, o.number) = (l.account, l.statement_id, l.edition, l.number)
        ORDER BY o.payout_id
    ) AS payout_ids
) p
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(o.amount_minor) FILTER (WHERE o.kind = 'charge'), 0)::bigint AS charge_minor,
        coalesce(sum(o.amount_minor) FILTER (WHERE o.kind = 'difference'), 0)::bigint AS difference_minor
    FROM statement_line_differences o
    WHERE (o.account, o.statement_id, o.edition, o.number) = (l.account, l.statement_id, l.edition, l.number)
) d
WHERE ($1::date IS NULL OR (l.booked_on, account, statement_id, edition, number) < ($1, $2, $3, $4, $5))
    AND ($7::boolean IS NULL OR (cardinality(p.payout_ids) = 0) = $7)
ORDER BY l.booked_on DESC, account DESC, statement_id DESC, edition DESC, number DESC LIMIT $6;

-- name: list_payment_statuses
-- List a page of the statuses that no rule could apply, newest first. A null filter matches
-- everything.
SELECT
    status_id, s.level, s.status_code, s.message_id, s.payment_information_id, s.refs, s.reason_code, s.reason_text,
    s.unmatched_by, s.imported_at, r.payout_id, r.by, r.at, r.reason
FROM payment_statuses s
LEFT JOIN payment_status_reviews r USING (status_id)
WHERE ($1::timestamptz IS NULL OR (s.imported_at, status_id) < ($1, $2))
    AND ($4::boolean IS NULL OR (r.by IS NULL) = $4)
ORDER BY s.imported_at DESC, status_id DESC LIMIT $3;
