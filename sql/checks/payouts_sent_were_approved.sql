-- Nothing above a promise's threshold was sent without as many different people's approval as it asks, the maker not
-- among them, of what the envelope held then.
SELECT s.settlement_id, e.to_send_minor, a.people FROM settlements s
JOIN campaigns c ON c.slug = s.campaign
CROSS JOIN LATERAL (SELECT c.promise::jsonb -> 'settlement' AS own) r
CROSS JOIN LATERAL (
    SELECT sum(amount_minor) AS to_send_minor FROM payouts p WHERE p.settlement_id = s.settlement_id
) e
CROSS JOIN LATERAL (
    SELECT coalesce(max(n), 0) AS people FROM (
        SELECT count(DISTINCT person) AS n FROM settlement_approvals o
        WHERE o.settlement_id = s.settlement_id AND o.person <> s.made_by GROUP BY hash
    ) by_hash
) a
WHERE e.to_send_minor > (own ->> 'threshold_minor')::bigint AND a.people < (own ->> 'approvals')::integer
    AND EXISTS (
        SELECT FROM payouts p JOIN payout_steps t USING (payout_id)
        WHERE p.settlement_id = s.settlement_id AND t.state = 'sending'
    )
ORDER BY s.settlement_id;
