-- Every `settle` transfer belongs to a settlement, and its correction to a settlement that is
-- cancelled as a whole.
SELECT t.transfer_id, t.amount_minor, h.settlement_id
FROM transfers t
LEFT JOIN settlement_shares h ON h.transfer_id = coalesce(t.corrects, t.transfer_id)
WHERE t.step = 'settle' AND (
    h.settlement_id IS NULL
    OR t.corrects IS NOT NULL AND EXISTS (
        SELECT FROM payouts p
        CROSS JOIN LATERAL (
            SELECT state FROM payout_steps s WHERE s.payout_id = p.payout_id ORDER BY number DESC LIMIT 1
        ) newest
        WHERE p.settlement_id = h.settlement_id AND newest.state <> 'cancelled'
    )
)
ORDER BY t.recorded_at;
