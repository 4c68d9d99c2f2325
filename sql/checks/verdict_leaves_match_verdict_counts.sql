-- The newest leaf about each day's verdicts equals their counts, with small families as `other`.
-- scans: leaf_queue
WITH rows AS (
    SELECT q.leaf_id, b.body ->> 'campaign' AS slug, (d ->> 'day')::date AS day, d ->> 'family' AS family,
        d ->> 'decided_by' AS decided_by, (d ->> 'quarantined')::bigint AS held,
        (d ->> 'released')::bigint AS released, (d ->> 'void')::bigint AS void,
        max(q.leaf_id) OVER (PARTITION BY b.body ->> 'campaign', d ->> 'day') AS newest
    FROM leaf_queue q
    CROSS JOIN LATERAL (SELECT convert_from(q.body, 'UTF8')::jsonb AS body) b
    CROSS JOIN LATERAL jsonb_array_elements(b.body -> 'days') d
    WHERE q.kind = 'verdicts'
), published AS (
    SELECT slug, day, family, decided_by, held, released, void FROM rows
    WHERE leaf_id = newest AND held + released + void > 0
), named AS (
    SELECT c.slug, v.day, v.decided_by, v.held, v.released, v.void,
        CASE
            WHEN sum(v.held + v.released + v.void) OVER (PARTITION BY v.campaign_id, v.day, v.family) < 10 THEN 'other'
            ELSE v.family
        END AS family
    FROM verdict_counts v JOIN campaigns c USING (campaign_id)
), stored AS (
    SELECT slug, day, family, decided_by, sum(held) AS held, sum(released) AS released, sum(void) AS void
    FROM named GROUP BY slug, day, family, decided_by HAVING sum(held + released + void) > 0
)
SELECT slug, day, family, decided_by, s.held, p.held AS published_held, s.released, p.released AS published_released,
    s.void, p.void AS published_void
FROM stored s FULL JOIN published p USING (slug, day, family, decided_by)
WHERE (s.held, s.released, s.void) IS DISTINCT FROM (p.held, p.released, p.void)
ORDER BY slug, day, family, decided_by;
