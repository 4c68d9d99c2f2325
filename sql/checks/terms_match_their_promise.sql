-- Terms are numbered 1, 2, 3 …, their columns equal the values of the promise, and no like counts
-- before the first terms.
SELECT t.campaign_id, t.version, t.expected_version, t.from_day, t.promise
FROM (
    SELECT
        *, row_number() OVER (PARTITION BY campaign_id ORDER BY version) AS expected_version,
        min(from_day) OVER (PARTITION BY campaign_id) AS first_day
    FROM terms
) t
CROSS JOIN LATERAL (SELECT t.promise::jsonb AS terms_json) p
WHERE t.version <> t.expected_version
    OR (t.amount_minor, t.per_likes, t.daily_cap_minor, t.likes_per_person_per_day, t.quality_from) IS DISTINCT FROM (
        (terms_json #>> '{rate,amount_minor}')::bigint, (terms_json #>> '{rate,per_likes}')::bigint,
        (terms_json ->> 'daily_cap_minor')::bigint, (terms_json ->> 'likes_per_person_per_day')::integer,
        coalesce((terms_json ->> 'quality_from')::integer, 0)
    )
    OR EXISTS (SELECT FROM day_counts d WHERE d.campaign_id = t.campaign_id AND d.day < t.first_day)
ORDER BY t.campaign_id, t.version;
