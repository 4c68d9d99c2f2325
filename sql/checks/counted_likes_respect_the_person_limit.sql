-- Of a person's likes of a day exactly as many count as the limit allows.
-- scans: likes
WITH effective_terms AS (
    SELECT DISTINCT ON (campaign_id, from_day) campaign_id, from_day, likes_per_person_per_day
    FROM terms ORDER BY campaign_id, from_day, version DESC
), spans AS (
    SELECT *, lead(from_day) OVER (PARTITION BY campaign_id ORDER BY from_day) AS until_day FROM effective_terms
), live AS (
    SELECT campaign_id, day, person, count(*) AS likes, count(*) FILTER (WHERE state = 'counted') AS counted
    FROM likes WHERE state IN ('counted', 'over_limit') GROUP BY campaign_id, day, person
)
SELECT l.campaign_id, l.day, l.person, l.likes, l.counted, s.likes_per_person_per_day
FROM live l
LEFT JOIN spans s
    ON s.campaign_id = l.campaign_id AND s.from_day <= l.day AND (s.until_day IS NULL OR l.day < s.until_day)
WHERE l.counted <> LEAST(s.likes_per_person_per_day, l.likes)
ORDER BY l.campaign_id, l.day, l.person;
