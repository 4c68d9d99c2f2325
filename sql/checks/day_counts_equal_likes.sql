-- The counts of the days plus the unfolded batches equal the stored likes, state by state.
-- scans: likes
WITH tallies AS (
    SELECT d.campaign_id, d.day, s.state, s.likes
    FROM day_counts d
    CROSS JOIN LATERAL (
        VALUES ('counted', counted), ('withdrawn', withdrawn), ('quarantined', quarantined), ('void', void),
            ('over_limit', over_limit), ('low_quality', low_quality)
    ) s (state, likes)
    UNION ALL
    SELECT b.campaign_id, d.key::date, s.key, s.value::bigint
    FROM like_batches b
    CROSS JOIN LATERAL jsonb_each(b.tallies -> 'days') d
    CROSS JOIN LATERAL jsonb_each_text(d.value) s
    WHERE b.folded_at IS NULL AND s.key <> 'duplicate'
), counts AS (
    SELECT campaign_id, day, state, sum(likes) AS likes FROM tallies GROUP BY campaign_id, day, state
), stored AS (
    SELECT campaign_id, day, state::text AS state, count(*) AS likes FROM likes
    WHERE day IS NOT NULL GROUP BY campaign_id, day, state
)
SELECT campaign_id, day, state, coalesce(c.likes, 0) AS counted, coalesce(h.likes, 0) AS stored
FROM counts c FULL JOIN stored h USING (campaign_id, day, state)
WHERE coalesce(c.likes, 0) <> coalesce(h.likes, 0)
    AND to_regclass('public.likes_' || campaign_id) IS NOT NULL  -- past its retention only the counts are left
ORDER BY campaign_id, day, state;
