-- name: lock_statements
-- Import one file at a time.
SELECT pg_advisory_xact_lock(72, 3);

-- name: list_statement_editions
-- List the editions of a statement that were imported, with the digests of their content.
SELECT edition, digest FROM statements WHERE account = $1 AND statement_id = $2;

-- name: add_statement
-- Insert a statement, once for each account, id and edition.
INSERT INTO statements (
    account, statement_id, edition, kind, currency, opening_minor, closing_minor, skipped_minor, digest, evidence,
    imported_by, imported_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: add_statement_line
-- Insert a statement line with the rule that matched it, or the reason why none did.
INSERT INTO statement_lines (
    account, statement_id, edition, number, amount_minor, is_credit, booked_on, end_to_end_id, bank_reference,
    description, line_references, charges_minor, reason_code, matched_by
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: add_line_payout
-- Insert a payout of a line, with the number of the step that the line made, if any.
INSERT INTO statement_line_payouts (account, statement_id, edition, number, payout_id, step_number)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: add_line_difference
-- Insert the part of a line that is no payout.
INSERT INTO statement_line_differences (account, statement_id, edition, number, kind, amount_minor, by, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: list_reported_attempts
-- List the attempts of payouts that an earlier document booked in a direction. For a statement ($3)
-- these are bookings of reports and notifications that no statement has repeated yet; for these,
-- bookings of any document.
SELECT payout_id, attempt FROM (
    SELECT
        o.payout_id, step.attempt, row_number() OVER (PARTITION BY o.payout_id ORDER BY step.number) AS position
    FROM statement_line_payouts o
    JOIN statement_lines l USING (account, statement_id, edition, number)
    JOIN statements s USING (account, statement_id, edition)
    JOIN payout_steps step ON step.payout_id = o.payout_id AND step.number = o.step_number
    WHERE o.payout_id = ANY($1::text[]) AND l.is_credit = $2 AND (s.kind <> 'statement' OR NOT $3::boolean)
) booking
WHERE NOT $3 OR position > (
    SELECT count(*) FROM statement_lines r
    JOIN statement_line_payouts q USING (account, statement_id, edition, number)
    WHERE q.payout_id = booking.payout_id AND r.is_credit = $2 AND r.matched_by = 'reported_before'
);

-- name: has_unexplained_debit
-- Tell whether a debit with one of these EndToEndIds waits for a person.
SELECT EXISTS (
    SELECT FROM statement_lines l
    WHERE NOT is_credit AND end_to_end_id = ANY($1::text[]) AND NOT EXISTS (
        SELECT FROM statement_line_payouts p
        WHERE (p.account, p.statement_id, p.edition, p.number) = (l.account, l.statement_id, l.edition, l.number)
    )
);

-- name: find_settlements_sent
-- Find the settlements with a sent payout of one of these amounts, and those that are named
-- themselves or by a payout.
SELECT DISTINCT p.settlement_id FROM payouts p
WHERE (p.amount_minor = ANY($1::bigint[]) OR p.payout_id = ANY($2::text[]) OR p.settlement_id = ANY($2::text[]))
    AND EXISTS (SELECT FROM payout_steps s WHERE s.payout_id = p.payout_id AND s.state = 'sending')
ORDER BY p.settlement_id;

-- name: find_settlements_of_message
-- Find the settlements with a payout that a message contained.
SELECT DISTINCT p.settlement_id FROM payouts p
JOIN payout_steps s USING (payout_id)
WHERE s.message_id = $1 ORDER BY p.settlement_id;

-- name: find_settlements_of_status
-- Find the settlements with a payout that one of these messages contained, or that is named.
SELECT DISTINCT p.settlement_id FROM payouts p
JOIN payout_steps s USING (payout_id)
WHERE s.message_id = ANY($1::text[]) OR p.payout_id = ANY($2::text[]) ORDER BY p.settlement_id;

-- name: list_unmatched_lines
-- List the lines without a payout, newest first, each with a short id that people can type.
SELECT
    left(encode(sha256(convert_to(concat_ws(chr(31), account, statement_id, nullif(edition, ''), number), 'UTF8')), 'hex'), 16) AS line_id,
    account, statement_id, edition, number, amount_minor, is_credit, booked_on, end_to_end_id, bank_reference,
    description, matched_by
FROM statement_lines l
WHERE NOT EXISTS (
    SELECT FROM statement_line_payouts p
    WHERE (p.account, p.statement_id, p.edition, p.number) = (l.account, l.statement_id, l.edition, l.number)
)
ORDER BY booked_on DESC, account, statement_id, edition, number LIMIT $1;

-- name: list_unmatched_lines_of_file
-- List the lines of a file, by its SHA-256, that no rule matched, as they were imported.
SELECT number, amount_minor, is_credit, booked_on, end_to_end_id, description, matched_by FROM statement_lines l
JOIN statements s USING (account, statement_id, edition)
WHERE s.evidence = $1 AND NOT EXISTS (
    SELECT FROM statement_line_payouts p
    LEFT JOIN statement_matches m USING (account, statement_id, edition, number)
    WHERE (p.account, p.statement_id, p.edition, p.number) = (l.account, l.statement_id, l.edition, l.number)
        AND m.number IS NULL
) ORDER BY account, statement_id, edition, is_credit, number;

-- name: find_statement_line
-- Find a line by its short id, with its statement, its payouts, and whether a person matched it.
SELECT
    account, statement_id, edition, l.number, l.amount_minor, l.is_credit, l.booked_on, l.end_to_end_id,
    l.bank_reference, l.description, l.line_references, l.charges_minor, l.reason_code, t.currency, t.evidence,
    m.number IS NOT NULL AS is_manual,
    array(
        SELECT p.payout_id FROM statement_line_payouts p
        WHERE (p.account, p.statement_id, p.edition, p.number) = (l.account, l.statement_id, l.edition, l.number)
        ORDER BY p.payout_id
    ) AS payout_ids
FROM statement_lines l
JOIN statements t USING (account, statement_id, edition)
LEFT JOIN statement_matches m USING (account, statement_id, edition, number)
WHERE left(encode(sha256(convert_to(concat_ws(chr(31), account, statement_id, nullif(edition, ''), number), 'UTF8')), 'hex'), 16) = $1;

-- name: add_statement_match
-- Insert the decision of a person who matched a line, once for each line.
INSERT INTO statement_matches (account, statement_id, edition, number, reason, by, at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: add_payment_status
-- Insert a status that a person must review, once; return whether it is new.
INSERT INTO payment_statuses (
    status_id, level, status_code, message_id, payment_information_id, refs, reason_code, reason_text, unmatched_by,
    evidence, imported_by, imported_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING RETURNING true;

-- name: list_unreviewed_statuses
-- List the statuses that wait for a person, newest first; of one file, or of all if null.
SELECT
    status_id, level, status_code, message_id, payment_information_id, refs, reason_code, reason_text, unmatched_by,
    imported_at
FROM payment_statuses s
WHERE ($1::bytea IS NULL OR evidence = $1)
    AND NOT EXISTS (SELECT FROM payment_status_reviews r WHERE r.status_id = s.status_id)
ORDER BY imported_at DESC, status_id LIMIT $2;

-- name: find_payment_status
-- Find a stored status with its review.
SELECT
    status_id, s.level, s.status_code, s.reason_code, s.reason_text, s.evidence, r.payout_id,
    r.by IS NOT NULL AS is_reviewed
FROM payment_statuses s
LEFT JOIN payment_status_reviews r USING (status_id)
WHERE status_id = $1;

-- name: add_status_review
-- Insert a person's decision about a status, once for each status.
INSERT INTO payment_status_reviews (status_id, payout_id, reason, by, at) VALUES ($1, $2, $3, $4, $5);
