-- No payout above the threshold of its promise was sent without enough approvals of the very hash
-- that its settlement had then. Neither the maker of the settlement nor the requester of an attempt
-- counts. A payout that becomes `sending` again in a message of before was not sent again: the bank
-- executed what had been approved then.
SELECT s.settlement_id, sent.payout_id, sent.number, e.to_send_minor, a.people
FROM settlements s
JOIN campaigns c ON c.slug = s.campaign
CROSS JOIN LATERAL (SELECT c.promise::jsonb -> 'settlement' AS rules) r
CROSS JOIN LATERAL (
    SELECT sum(amount_minor) AS to_send_minor FROM payouts p WHERE p.settlement_id = s.settlement_id
) e
JOIN payouts o ON o.settlement_id = s.settlement_id
JOIN payout_steps sent ON sent.payout_id = o.payout_id AND sent.state = 'sending'
JOIN leaf_queue sent_leaf ON sent_leaf.subject = 'payout/' || sent.payout_id || '/' || sent.number
CROSS JOIN LATERAL (  -- RFC 8785 JSON of the steps published before, as the settlement model hashes it
    SELECT
        array_agg(first_step.by) || s.made_by AS makers,
        sha256(convert_to(
            '{"campaign":"' || s.campaign || '","currency":"' || s.currency
            || '","cut_off":"' || to_char(s.cut_off, 'YYYY-MM-DD') || '","payouts":['
            || string_agg(
                '{"amount_minor":' || p.amount_minor || ',"attempt":' || newest.attempt || ',"charity":"' || p.charity
                || '","payee":' || newest.payee || ',"payout":"' || p.payout_id || '"}',
                ',' ORDER BY h.position
            )
            || '],"period":"' || to_char(s.period, 'YYYY-MM-DD') || '","settlement":"' || s.settlement_id
            || '","total_minor":' || s.total_minor || '}', 'UTF8'
        )) AS hash
    FROM settlement_shares h
    JOIN payouts p USING (settlement_id, charity)
    CROSS JOIN LATERAL (
        SELECT n.attempt, n.payee FROM payout_steps n
        JOIN leaf_queue q ON q.subject = 'payout/' || n.payout_id || '/' || n.number
        WHERE n.payout_id = p.payout_id AND q.leaf_id < sent_leaf.leaf_id ORDER BY n.number DESC LIMIT 1
    ) newest
    CROSS JOIN LATERAL (
        SELECT n.by FROM payout_steps n
        WHERE n.payout_id = p.payout_id AND n.attempt = newest.attempt ORDER BY n.number LIMIT 1
    ) first_step
    WHERE h.settlement_id = s.settlement_id
) at_sending
CROSS JOIN LATERAL (
    SELECT count(DISTINCT v.person) AS people FROM settlement_approvals v
    WHERE v.settlement_id = s.settlement_id AND v.hash = at_sending.hash AND v.person <> ALL (at_sending.makers)
) a
WHERE NOT EXISTS (
    SELECT FROM payout_steps before
    WHERE before.payout_id = sent.payout_id AND before.number < sent.number AND before.state = 'sending'
        AND before.message_id = sent.message_id
) AND e.to_send_minor > (rules ->> 'threshold_minor')::bigint AND a.people < (rules ->> 'approvals')::integer
ORDER BY s.settlement_id, sent.payout_id, sent.number;
