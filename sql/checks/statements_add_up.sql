-- Every bank statement that was taken goes from its opening to its closing balance by its lines, and a line that is of a
-- payout is of its amount: each payout is paid by one line at most for every one that brought it back.
SELECT t.account, t.statement_id, NULL::text AS payout_id FROM statements t
LEFT JOIN statement_lines l USING (account, statement_id)
GROUP BY t.account, t.statement_id
HAVING t.opening_minor + coalesce(sum(CASE WHEN l.is_credit THEN l.amount_minor ELSE -l.amount_minor END), 0)
    <> t.closing_minor
UNION ALL
SELECT min(l.account), min(l.statement_id), p.payout_id FROM statement_lines l
JOIN payouts p USING (payout_id)
GROUP BY p.payout_id
HAVING bool_or(l.amount_minor <> p.amount_minor)
    OR count(*) FILTER (WHERE NOT l.is_credit) > (
        SELECT count(*) FROM payout_steps s WHERE s.payout_id = p.payout_id AND s.state = 'paid'
    )
ORDER BY account, statement_id;
