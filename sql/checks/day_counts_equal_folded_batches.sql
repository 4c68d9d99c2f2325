-- The counts of the days, with refused likes and duplicates, equal the sums of the folded batches.
-- scans: like_batches
WITH folded AS (
    SELECT campaign_id, tallies FROM like_batches WHERE folded_at IS NOT NULL
), batches AS (
    SELECT campaign_id, day, outcome, sum(likes) AS likes FROM (
        SELECT f.campaign_id, d.key::date AS day, s.key AS outcome, s.value::bigint AS likes
        FROM folded f
        CROSS JOIN LATERAL jsonb_each(f.tallies -> 'days') d
        CROSS JOIN LATERAL jsonb_each_text(d.value) s
        UNION ALL
        SELECT f.campaign_id, d.key::date, s.key, s.value::bigint
        FROM folded f
        CROSS JOIN LATERAL jsonb_each(f.tallies -> 'refused') d
        CROSS JOIN LATERAL jsonb_each_text(d.value) s
    ) tallies
    GROUP BY campaign_id, day, outcome
), counts AS (
    SELECT d.campaign_id, d.day, s.outcome, s.likes
    FROM day_counts d
    CROSS JOIN LATERAL (
        VALUES ('counted', counted), ('withdrawn', withdrawn), ('quarantined', quarantined), ('void', void),
            ('over_limit', over_limit), ('low_quality', low_quality), ('duplicate', duplicate)
    ) s (outcome, likes)
    UNION ALL
    SELECT campaign_id, day, outcome, likes FROM refusal_counts
)
SELECT campaign_id, day, outcome, coalesce(c.likes, 0) AS counted, coalesce(b.likes, 0) AS folded
FROM counts c FULL JOIN batches b USING (campaign_id, day, outcome)
WHERE coalesce(c.likes, 0) <> coalesce(b.likes, 0)
ORDER BY campaign_id, day, outcome;
