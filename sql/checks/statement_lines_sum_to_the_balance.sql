-- The lines of every bank statement lead from its opening to its closing balance. A matched line
-- has the amount and currency of its payout, by a rule or by a person but never both. A payout has
-- at most one debit line for each time that it was paid.
WITH matched AS (
    SELECT
        l.account, l.statement_id, l.edition, l.amount_minor, l.is_credit, l.matched_by,
        coalesce(l.payout_id, m.payout_id) AS payout_id,
        l.payout_id IS NOT NULL AND m.payout_id IS NOT NULL AS is_matched_twice
    FROM statement_lines l
    LEFT JOIN statement_matches m USING (account, statement_id, edition, number)
)
SELECT t.account, t.statement_id, NULL::text AS payout_id FROM statements t
LEFT JOIN statement_lines l USING (account, statement_id, edition)
GROUP BY t.account, t.statement_id, t.edition
HAVING t.opening_minor + t.skipped_minor
    + coalesce(sum(CASE WHEN l.is_credit THEN l.amount_minor ELSE -l.amount_minor END), 0)
    <> t.closing_minor
UNION ALL
SELECT min(account), min(statement_id), p.payout_id FROM matched l
JOIN payouts p USING (payout_id)
JOIN settlements s USING (settlement_id)
JOIN statements t USING (account, statement_id, edition)
GROUP BY p.payout_id
HAVING bool_or(l.is_matched_twice OR l.amount_minor <> p.amount_minor OR t.currency <> s.currency)
    OR count(*) FILTER (WHERE NOT l.is_credit AND l.matched_by <> 'reported_before') > (
        SELECT count(*) FROM payout_steps s WHERE s.payout_id = p.payout_id AND s.state = 'paid'
    )
ORDER BY account, statement_id;
