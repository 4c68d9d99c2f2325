-- Every settlement and every payout step has a leaf with the same content.
SELECT s.settlement_id AS subject, s.total_minor AS minor FROM settlements s
LEFT JOIN leaf_queue q ON q.subject = 'settlement/' || s.settlement_id
CROSS JOIN LATERAL (SELECT convert_from(q.body, 'UTF8')::jsonb AS body) leaf
WHERE EXISTS (SELECT FROM settlement_shares h WHERE h.settlement_id = s.settlement_id)
    AND (leaf.body ->> 'campaign', leaf.body ->> 'period', (leaf.body ->> 'total_minor')::numeric)
    IS DISTINCT FROM (s.campaign, s.period::text, s.total_minor::numeric)
UNION ALL
SELECT s.payout_id || '/' || s.number, p.amount_minor FROM payout_steps s
JOIN payouts p USING (payout_id)
LEFT JOIN leaf_queue q ON q.subject = 'payout/' || s.payout_id || '/' || s.number
CROSS JOIN LATERAL (SELECT convert_from(q.body, 'UTF8')::jsonb AS body) leaf
WHERE (leaf.body ->> 'charity', leaf.body ->> 'state', (leaf.body ->> 'amount_minor')::numeric)
    IS DISTINCT FROM (p.charity, s.state, p.amount_minor::numeric)
ORDER BY subject;
