-- Every matched line is the sum of its payouts, its charge and its difference, in their currency. A
-- line pays or returns a payout by one step that says so; every paid step has a line. So the lines
-- sum to what is paid less what came back, and to nothing else.
WITH parts AS (
    SELECT
        account, statement_id, edition, number, l.amount_minor, l.is_credit, l.matched_by, t.currency,
        coalesce((
            SELECT sum(p.amount_minor) FROM statement_line_payouts o
            JOIN payouts p USING (payout_id)
            WHERE (o.account, o.statement_id, o.edition, o.number) = (l.account, l.statement_id, l.edition, l.number)
                AND o.step_number IS NOT NULL
        ), 0) AS payouts_minor,
        coalesce((
            SELECT sum(d.amount_minor) FROM statement_line_differences d
            WHERE (d.account, d.statement_id, d.edition, d.number) = (l.account, l.statement_id, l.edition, l.number)
        ), 0) AS differences_minor,
        EXISTS (
            SELECT FROM statement_line_payouts o
            WHERE (o.account, o.statement_id, o.edition, o.number) = (l.account, l.statement_id, l.edition, l.number)
        ) AS has_payouts,
        EXISTS (
            SELECT FROM statement_matches m
            WHERE (m.account, m.statement_id, m.edition, m.number) = (l.account, l.statement_id, l.edition, l.number)
        ) AS is_manual,
        l.matched_by IN (
            'end_to_end_id_matches', 'message_id_matches', 'amount_and_reference_match', 'bank_charge',
            'reported_before'
        ) AS is_by_rule
    FROM statement_lines l
    JOIN statements t USING (account, statement_id, edition)
)
SELECT account, statement_id, edition, number, NULL::text AS payout_id, NULL::integer AS step_number FROM parts
WHERE NOT has_payouts AND (differences_minor <> 0 OR is_by_rule OR is_manual)
    OR has_payouts AND is_by_rule AND is_manual
    OR has_payouts AND NOT is_manual AND matched_by IN (
        'end_to_end_id_unknown', 'amount_differs', 'payout_state_does_not_fit', 'several_payouts_match',
        'no_payout_matches'
    )
    OR has_payouts AND matched_by <> 'reported_before'
    AND amount_minor <> payouts_minor + CASE WHEN is_credit THEN -differences_minor ELSE differences_minor END
UNION ALL
SELECT o.account, o.statement_id, o.edition, o.number, o.payout_id, o.step_number FROM statement_line_payouts o
JOIN parts l USING (account, statement_id, edition, number)
JOIN payouts p USING (payout_id)
JOIN settlements s USING (settlement_id)
LEFT JOIN payout_steps n ON n.payout_id = o.payout_id AND n.number = o.step_number
WHERE s.currency <> l.currency
    OR (o.step_number IS NULL) <> (l.matched_by IN ('bank_charge', 'reported_before'))
    OR n.state <> CASE WHEN l.is_credit THEN 'returned' ELSE 'paid' END
UNION ALL
SELECT NULL, NULL, NULL, NULL, n.payout_id, n.number FROM payout_steps n
WHERE n.state = 'paid' AND NOT EXISTS (
    SELECT FROM statement_line_payouts o WHERE o.payout_id = n.payout_id AND o.step_number = n.number
)
ORDER BY account, statement_id, edition, number, payout_id;
