-- A like stands at its earliest like event: its day, place and money no longer depend on the order
-- of arrival.

ALTER TABLE likes ADD COLUMN latest_at timestamptz, ADD COLUMN is_suspect boolean NOT NULL DEFAULT false;
ALTER TABLE person_days ADD COLUMN contents text[] NOT NULL DEFAULT '{}';

-- Rows from before know the latest event and the day. Where the two differ, the like stands at the
-- start of its day: no later event may move it.
WITH zones AS (
    SELECT campaign_id, (promise::jsonb -> 'campaign') ->> 'timezone' AS timezone FROM campaigns
)
UPDATE likes l SET latest_at = l.event_at, event_at = least(l.event_at, l.day::timestamp AT TIME ZONE z.timezone)
FROM zones z
WHERE z.campaign_id = l.campaign_id AND l.day IS NOT NULL
    AND (l.state = 'withdrawn' OR (l.event_at AT TIME ZONE z.timezone)::date <> l.day);

UPDATE likes SET is_suspect = true WHERE state = 'quarantined';

WITH counted AS (
    SELECT campaign_id, bucket, person, day, array_agg(content) AS contents FROM likes
    WHERE state = 'counted' GROUP BY campaign_id, bucket, person, day
)
UPDATE person_days p SET contents = c.contents
FROM counted c
WHERE (c.campaign_id, c.bucket, c.person, c.day) = (p.campaign_id, p.bucket, p.person, p.day);
