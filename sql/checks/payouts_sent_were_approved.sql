-- Nothing above a promise's threshold was sent without as many different people's approval as it asks, of the very hash
-- that the envelope had then, so of those amounts and accounts; neither who made it nor who asked for an attempt in it among them.
SELECT s.settlement_id, sent.payout_id, sent.number, e.to_send_minor, a.people
FROM settlements s
JOIN campaigns c ON c.slug = s.campaign
CROSS JOIN LATERAL (SELECT c.promise::jsonb -> 'settlement' AS own) r
CROSS JOIN LATERAL (
    SELECT sum(amount_minor) AS to_send_minor FROM payouts p WHERE p.settlement_id = s.settlement_id
) e
JOIN payouts o ON o.settlement_id = s.settlement_id
JOIN payout_steps sent ON sent.payout_id = o.payout_id AND sent.state = 'sending'
JOIN leaf_queue told ON told.subject = 'payout/' || sent.payout_id || '/' || sent.number
CROSS JOIN LATERAL (  -- as ledger/settlements/model.py has it: RFC 8785 JSON of the steps that were told before
    SELECT
        array_agg(began.by) || s.made_by AS makers,
        sha256(convert_to(
            '{"campaign":"' || s.campaign || '","currency":"' || s.currency
            || '","cut_off":"' || to_char(s.cut_off, 'YYYY-MM-DD') || '","payouts":['
            || string_agg(
                '{"amount_minor":' || p.amount_minor || ',"attempt":' || now.attempt || ',"charity":"' || p.charity
                || '","payee":' || now.payee || ',"payout":"' || p.payout_id || '"}',
                ',' ORDER BY h.place
            )
            || '],"period":"' || to_char(s.period, 'YYYY-MM-DD') || '","settlement":"' || s.settlement_id
            || '","total_minor":' || s.total_minor || '}', 'UTF8'
        )) AS hash
    FROM settlement_shares h
    JOIN payouts p USING (settlement_id, charity)
    CROSS JOIN LATERAL (
        SELECT n.attempt, n.payee FROM payout_steps n
        JOIN leaf_queue q ON q.subject = 'payout/' || n.payout_id || '/' || n.number
        WHERE n.payout_id = p.payout_id AND q.leaf_id < told.leaf_id ORDER BY n.number DESC LIMIT 1
    ) now
    CROSS JOIN LATERAL (
        SELECT n.by FROM payout_steps n
        WHERE n.payout_id = p.payout_id AND n.attempt = now.attempt ORDER BY n.number LIMIT 1
    ) began
    WHERE h.settlement_id = s.settlement_id
) then_it
CROSS JOIN LATERAL (
    SELECT count(DISTINCT v.person) AS people FROM settlement_approvals v
    WHERE v.settlement_id = s.settlement_id AND v.hash = then_it.hash AND v.person <> ALL (then_it.makers)
) a
WHERE e.to_send_minor > (own ->> 'threshold_minor')::bigint AND a.people < (own ->> 'approvals')::integer
ORDER BY s.settlement_id, sent.payout_id, sent.number;
