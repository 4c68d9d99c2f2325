-- The newest count leaf of each day equals its counts, and each folded batch is published once,
-- with its size and root.
-- scans: leaf_queue
WITH count_leaves AS (
    SELECT leaf_id, convert_from(body, 'UTF8')::jsonb AS body FROM leaf_queue WHERE kind = 'count'
), days AS (
    SELECT DISTINCT ON (slug, day)
        body ->> 'campaign' AS slug, (d ->> 'day')::date AS day,
        (d ->> 'counted')::bigint AS counted, (d ->> 'withdrawn')::bigint AS withdrawn, (d ->> 'void')::bigint AS void,
        -- null in a leaf of version 1
        (d ->> 'quarantined')::bigint AS quarantined, (d ->> 'low_quality')::bigint AS low_quality
    FROM count_leaves CROSS JOIN LATERAL jsonb_array_elements(body -> 'days') d
    ORDER BY slug, day, leaf_id DESC
), batches AS (
    SELECT body ->> 'campaign' AS slug, (b ->> 0)::bigint AS batch_id, (b ->> 1)::integer AS size, b ->> 2 AS root
    FROM count_leaves CROSS JOIN LATERAL jsonb_array_elements(body -> 'batches') b
)
SELECT c.slug, 'day ' || coalesce(d.day, t.day) AS what, d.counted AS stored, t.counted AS published
FROM campaigns c
JOIN day_counts d USING (campaign_id)
FULL JOIN days t ON t.slug = c.slug AND t.day = d.day
WHERE (d.counted, d.withdrawn, d.void) IS DISTINCT FROM (t.counted, t.withdrawn, t.void)
    OR d.quarantined <> t.quarantined
    OR d.low_quality <> t.low_quality
UNION ALL
SELECT c.slug, 'batch ' || coalesce(b.batch_id, t.batch_id), b.size, t.size
FROM campaigns c
JOIN like_batches b ON b.campaign_id = c.campaign_id AND b.folded_at IS NOT NULL AND b.size > 0
FULL JOIN (SELECT *, count(*) OVER (PARTITION BY batch_id) AS times FROM batches) t
    ON t.slug = c.slug AND t.batch_id = b.batch_id
WHERE (b.size, encode(b.root, 'hex'), 1) IS DISTINCT FROM (t.size, t.root, t.times)
ORDER BY slug, what;
