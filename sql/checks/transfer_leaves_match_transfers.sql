-- Every transfer has a leaf with the same content.
SELECT t.transfer_id, t.step, t.amount_minor, q.leaf_id
FROM transfers t
LEFT JOIN leaf_queue q ON q.subject = 'transfer/' || t.transfer_id
CROSS JOIN LATERAL (SELECT convert_from(q.body, 'UTF8')::jsonb AS body) leaf
WHERE q.leaf_id IS NULL
    OR (leaf.body ->> 'kind', leaf.body ->> 'transfer', leaf.body ->> 'step', leaf.body ->> 'corrects')
        IS DISTINCT FROM ('transfer'::text, t.transfer_id::text, t.step, t.corrects::text)
    OR (leaf.body ->> 'amount_minor')::numeric IS DISTINCT FROM t.amount_minor
ORDER BY t.recorded_at;
