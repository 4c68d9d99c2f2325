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
-- Insert a statement line with its payout, or with the reason why no payout matches.
INSERT INTO statement_lines (
    account, statement_id, edition, number, amount_minor, is_credit, booked_on, end_to_end_id, bank_reference,
    description, line_references, charges_minor, reason_code, payout_id, matched_by
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: find_reported_line
-- Find the payout of an entry that an earlier document had. For a statement ($7) that is an entry of
-- a report or a notification that no statement has repeated yet; for these, an entry of any
-- document.
SELECT l.payout_id FROM statement_lines l
JOIN statements s USING (account, statement_id, edition)
WHERE account = $1 AND s.currency = $2 AND l.amount_minor = $3 AND l.is_credit = $4
    AND l.payout_id IS NOT NULL AND l.matched_by <> 'reported_before'
    AND (
        EXISTS (
            SELECT FROM unnest($5::text[]) AS reference
            WHERE reference = ANY(l.line_references)
                AND starts_with(reference, upper(replace(l.payout_id, '_', '')) || '-')
        )
        OR (l.line_references = $5 AND l.bank_reference = $6)
    )
    AND (NOT $7::boolean OR s.kind <> 'statement' AND (
        SELECT count(*) FROM statement_lines r
        WHERE r.payout_id = l.payout_id AND r.is_credit = l.is_credit AND r.matched_by = 'reported_before'
    ) < (
        SELECT count(*) FROM statement_lines r
        JOIN statements t USING (account, statement_id, edition)
        WHERE r.payout_id = l.payout_id AND r.is_credit = l.is_credit AND t.kind <> 'statement'
    ))
ORDER BY l.booked_on LIMIT 1;

-- name: find_settlements_sent
-- Find the settlements with a sent payout of this amount, or with this EndToEndId whatever its
-- amount.
SELECT DISTINCT p.settlement_id FROM payouts p
WHERE (p.amount_minor = $1 OR upper(replace(p.payout_id, '_', '')) = regexp_replace($2::text, '-[0-9]+$', ''))
    AND EXISTS (SELECT FROM payout_steps s WHERE s.payout_id = p.payout_id AND s.state = 'sending')
ORDER BY p.settlement_id;

-- name: find_settlements_of_message
-- Find the settlements with a payout that a message contained.
SELECT DISTINCT p.settlement_id FROM payouts p
JOIN payout_steps s USING (payout_id)
WHERE s.message_id = $1 ORDER BY p.settlement_id;

-- name: list_unmatched_lines
-- List the lines without a payout, newest first, each with a short id that people can type.
SELECT
    left(encode(sha256(convert_to(concat_ws(chr(31), account, statement_id, nullif(edition, ''), number), 'UTF8')), 'hex'), 16) AS line_id,
    account, statement_id, edition, number, amount_minor, is_credit, booked_on, end_to_end_id, bank_reference,
    description, matched_by
FROM statement_lines l
WHERE payout_id IS NULL
    AND NOT EXISTS (
        SELECT FROM statement_matches m
        WHERE (m.account, m.statement_id, m.edition, m.number) = (l.account, l.statement_id, l.edition, l.number)
    )
ORDER BY booked_on DESC, account, statement_id, edition, number LIMIT $1;

-- name: list_unmatched_lines_of_file
-- List the lines of a file, by its SHA-256, that no rule matched, as they were imported.
SELECT number, amount_minor, is_credit, booked_on, end_to_end_id, description, matched_by FROM statement_lines l
JOIN statements s USING (account, statement_id, edition)
WHERE s.evidence = $1 AND l.payout_id IS NULL ORDER BY account, statement_id, edition, is_credit, number;

-- name: find_unmatched_line
-- Find a line that no rule matched by its short id, with its statement and the payout that a person
-- assigned.
SELECT
    account, statement_id, edition, l.number, l.amount_minor, l.is_credit, l.booked_on, l.end_to_end_id,
    l.bank_reference, l.description, l.line_references, l.charges_minor, l.reason_code, t.currency, t.evidence,
    m.payout_id
FROM statement_lines l
JOIN statements t USING (account, statement_id, edition)
LEFT JOIN statement_matches m USING (account, statement_id, edition, number)
WHERE l.payout_id IS NULL
    AND left(encode(sha256(convert_to(concat_ws(chr(31), account, statement_id, nullif(edition, ''), number), 'UTF8')), 'hex'), 16) = $1;

-- name: add_statement_match
-- Insert the payout that a person assigned to a line, once for each line.
INSERT INTO statement_matches (account, statement_id, edition, number, payout_id, reason, by, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
