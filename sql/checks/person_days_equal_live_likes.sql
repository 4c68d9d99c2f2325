-- Where a limit applies, the number stored for a person's day equals the likes of that day that are
-- not withdrawn, and its contents are those of the likes that count.
-- scans: likes
WITH effective_terms AS (
    SELECT DISTINCT ON (campaign_id, from_day) campaign_id, from_day, likes_per_person_per_day
    FROM terms ORDER BY campaign_id, from_day, version DESC
), spans AS (
    SELECT *, lead(from_day) OVER (PARTITION BY campaign_id ORDER BY from_day) AS until_day FROM effective_terms
), live AS (
    SELECT campaign_id, day, person, bucket, count(*) AS likes,
        array_agg(content ORDER BY content) FILTER (WHERE state = 'counted') AS contents
    FROM likes
    WHERE state IN ('counted', 'over_limit') GROUP BY campaign_id, day, person, bucket
)
SELECT p.campaign_id, p.day, p.person, p.live, coalesce(l.likes, 0) AS likes
FROM person_days p
JOIN spans s
    ON s.campaign_id = p.campaign_id AND s.likes_per_person_per_day IS NOT NULL
    AND s.from_day <= p.day AND (s.until_day IS NULL OR p.day < s.until_day)
LEFT JOIN live l
    ON (l.campaign_id, l.day, l.person, l.bucket) = (p.campaign_id, p.day, p.person, p.bucket)
WHERE (
    p.live <> coalesce(l.likes, 0)
    OR ARRAY(SELECT c FROM unnest(p.contents) AS c ORDER BY c) <> coalesce(l.contents, '{}')
)
    AND to_regclass('public.likes_' || p.campaign_id) IS NOT NULL
ORDER BY p.campaign_id, p.day, p.person;
