-- Terms are numbered 1, 2, 3 …, their figures are those of the promise, and no like counts before the first.
SELECT t.campaign_id, t.version, t.place, t.from_day, t.promise
FROM (
    SELECT
        *, row_number() OVER (PARTITION BY campaign_id ORDER BY version) AS place,
        min(from_day) OVER (PARTITION BY campaign_id) AS first_day
    FROM terms
) t
CROSS JOIN LATERAL (SELECT t.promise::jsonb AS said) p
WHERE t.version <> t.place
    OR (t.amount_minor, t.per_likes, t.daily_cap_minor, t.likes_per_person_per_day) IS DISTINCT FROM (
        (said #>> '{rate,amount_minor}')::bigint, (said #>> '{rate,per_likes}')::bigint,
        (said ->> 'daily_cap_minor')::bigint, (said ->> 'likes_per_person_per_day')::integer
    )
    OR EXISTS (SELECT FROM day_counts d WHERE d.campaign_id = t.campaign_id AND d.day < t.first_day)
ORDER BY t.campaign_id, t.version;
