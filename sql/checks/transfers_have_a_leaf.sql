-- Every transfer was told to the public log, as it is.
SELECT t.transfer_id, t.step, t.amount_minor, q.leaf_id
FROM transfers t
LEFT JOIN leaf_queue q ON q.subject = 'transfer/' || t.transfer_id
CROSS JOIN LATERAL (SELECT convert_from(q.body, 'UTF8')::jsonb AS body) told
WHERE q.leaf_id IS NULL
    OR (told.body ->> 'kind', told.body ->> 'transfer', told.body ->> 'step', told.body ->> 'corrects')
        IS DISTINCT FROM ('transfer'::text, t.transfer_id::text, t.step, t.corrects::text)
    OR (told.body ->> 'amount_minor')::numeric IS DISTINCT FROM t.amount_minor
ORDER BY t.recorded_at;
