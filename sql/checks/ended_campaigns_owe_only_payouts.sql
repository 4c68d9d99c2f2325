-- After the last settlement of a campaign nothing is pledged, and all `payable` money belongs to
-- payouts.
SELECT s.campaign, a.charity, a.kind, a.balance_minor, p.waiting_minor FROM settlements s
JOIN accounts a ON a.campaign = s.campaign AND a.kind IN ('pledged', 'payable')
CROSS JOIN LATERAL (
    SELECT coalesce(sum(o.amount_minor), 0) AS waiting_minor FROM payouts o
    JOIN settlements m USING (settlement_id)
    CROSS JOIN LATERAL (
        SELECT state FROM payout_steps t WHERE t.payout_id = o.payout_id ORDER BY number DESC LIMIT 1
    ) newest
    WHERE m.campaign = a.campaign AND o.charity = a.charity AND newest.state IN ('waiting', 'returned')
) p
WHERE s.is_last AND a.balance_minor <> p.waiting_minor
    AND NOT EXISTS (
        SELECT FROM payouts c JOIN payout_steps t USING (payout_id)
        WHERE c.settlement_id = s.settlement_id AND t.state = 'cancelled'
    )
ORDER BY s.campaign, a.charity;
