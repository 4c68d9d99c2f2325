-- The lines of every bank statement lead from its opening to its closing balance.
SELECT t.account, t.statement_id, t.edition FROM statements t
LEFT JOIN statement_lines l USING (account, statement_id, edition)
GROUP BY t.account, t.statement_id, t.edition
HAVING t.opening_minor + t.skipped_minor
    + coalesce(sum(CASE WHEN l.is_credit THEN l.amount_minor ELSE -l.amount_minor END), 0)
    <> t.closing_minor
ORDER BY t.account, t.statement_id, t.edition;
