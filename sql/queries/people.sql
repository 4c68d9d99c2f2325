-- name: people_to_count
-- Campaigns in which something was recorded since their people were counted, or in the minute before: a batch is
-- stamped before it commits, so a count may run in between and miss it.
SELECT c.campaign_id FROM campaigns c
LEFT JOIN people_counts p USING (campaign_id)
WHERE EXISTS (
    SELECT FROM like_batches b WHERE b.campaign_id = c.campaign_id AND b.recorded_at > coalesce(p.as_of - interval '1 minute', '-infinity')
)
ORDER BY campaign_id;

-- name: count_people
-- Different people with a like that counts; one scan of the campaign's likes.
INSERT INTO people_counts (campaign_id, people, as_of)
SELECT $1, count(*), $2 FROM (SELECT DISTINCT person FROM likes WHERE campaign_id = $1 AND state = 'counted') people
ON CONFLICT (campaign_id) DO UPDATE SET people = excluded.people, as_of = excluded.as_of;
