-- name: store_like_ids
-- Store the likes' own ids, sorted by digest. Return those that were taken back before, or now.
INSERT INTO platform_like_ids AS i (platform_id, digest, campaign_id, content, person, event_at)
SELECT $1, n.* FROM unnest($2::bytea[], $3::integer[], $4::text[], $5::bytea[], $6::timestamptz[])
    AS n (digest, campaign_id, content, person, event_at)
ORDER BY n.digest
ON CONFLICT (platform_id, digest) DO UPDATE
    SET campaign_id = coalesce(i.campaign_id, excluded.campaign_id), content = coalesce(i.content, excluded.content),
        person = coalesce(i.person, excluded.person), event_at = coalesce(i.event_at, excluded.event_at)
RETURNING digest, is_undone;

-- name: undo_like_ids
-- Take ids back, sorted by digest; return what they name, null if their like has not come.
INSERT INTO platform_like_ids AS i (platform_id, digest, is_undone)
SELECT $1, n.digest, true FROM unnest($2::bytea[]) AS n (digest) ORDER BY n.digest
ON CONFLICT (platform_id, digest) DO UPDATE SET is_undone = true
RETURNING digest, campaign_id, content, person, event_at;

-- name: count_unknown_undone_ids
-- Count the ids of a platform that were taken back before their like came; at most 100,000.
SELECT count(*) FROM (
    SELECT FROM platform_like_ids WHERE platform_id = $1 AND campaign_id IS NULL LIMIT 100000
) unknown;

-- name: delete_old_undone_ids
-- Delete ids that were taken back before a moment, and whose like never came.
DELETE FROM platform_like_ids WHERE campaign_id IS NULL AND recorded_at < $1;

-- name: delete_like_ids_of_person
-- Delete the likes' own ids of a person of a campaign.
DELETE FROM platform_like_ids WHERE campaign_id = $1 AND person = $2;

-- name: store_unread_events
-- Add to what could not be read; beyond the most rows of a platform it counts as `other`.
INSERT INTO unread_events AS u (platform_id, event, reason, times, first_at, last_at)
SELECT n.platform_id, k.event, k.reason, sum(n.times), min(n.first_at), max(n.last_at)
FROM unnest($1::integer[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])
    AS n (platform_id, event, reason, times, first_at, last_at)
CROSS JOIN LATERAL (
    SELECT
        EXISTS (
            SELECT FROM unread_events o
            WHERE o.platform_id = n.platform_id AND o.event = n.event AND o.reason = n.reason
        ) OR (SELECT count(*) FROM unread_events o WHERE o.platform_id = n.platform_id) < $7 AS is_listed
) l
CROSS JOIN LATERAL (
    SELECT CASE WHEN l.is_listed THEN n.event ELSE 'other' END AS event,
        CASE WHEN l.is_listed THEN n.reason ELSE 'other' END AS reason
) k
GROUP BY n.platform_id, k.event, k.reason ORDER BY n.platform_id, k.event, k.reason
ON CONFLICT (platform_id, event, reason) DO UPDATE
    SET times = u.times + excluded.times, first_at = least(u.first_at, excluded.first_at),
        last_at = greatest(u.last_at, excluded.last_at);

-- name: list_unread_events
-- List what could not be read of a platform's deliveries, newest first.
SELECT u.event, u.reason, u.times, u.first_at, u.last_at FROM unread_events u
JOIN platforms p USING (platform_id)
WHERE p.name = $1 ORDER BY u.last_at DESC, u.event, u.reason LIMIT $2;
