-- A like carries the verdict that is stored about it, and none without one.
-- scans: likes
SELECT campaign_id, content, person, l.verdict::text AS carried, v.verdict::text AS stored
FROM (SELECT * FROM likes WHERE verdict IS NOT NULL) l
FULL JOIN verdicts v USING (campaign_id, bucket, content, person)
WHERE l.verdict IS DISTINCT FROM v.verdict
    AND to_regclass('public.likes_' || campaign_id) IS NOT NULL
ORDER BY campaign_id, content, person;
