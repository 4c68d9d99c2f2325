-- name: add_upload
-- A file of content, to be worked off.
INSERT INTO uploads (upload_id, campaign_id, action, contents, digest, by, at) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: add_upload_chunks
-- What one transaction each is to do of it.
INSERT INTO upload_chunks (upload_id, number, contents) VALUES ($1, $2, $3);

-- name: lock_upload
-- Whoever holds it works on it; null where another does, or it has ended.
SELECT upload_id FROM uploads WHERE upload_id = $1 AND ended_at IS NULL FOR UPDATE SKIP LOCKED;

-- name: next_chunk
-- The first that is not done.
SELECT k.number, k.contents, u.action, c.slug FROM upload_chunks k
JOIN uploads u USING (upload_id) JOIN campaigns c USING (campaign_id)
WHERE k.upload_id = $1 AND k.done_at IS NULL ORDER BY k.number LIMIT 1;

-- name: end_chunk
-- In the transaction that did it.
UPDATE upload_chunks SET changed = $3, done_at = $4 WHERE upload_id = $1 AND number = $2;

-- name: end_upload
-- Once; null where it had ended. With a fault it was not done to its end. Waits for the chunk under way.
UPDATE uploads SET ended_at = $2, fault = $3 WHERE upload_id = $1 AND ended_at IS NULL RETURNING upload_id;

-- name: uploads_that_run
-- Oldest first.
SELECT upload_id FROM uploads WHERE ended_at IS NULL ORDER BY at, upload_id;

-- name: list_uploads
-- How far each is, newest first, before a moment and id; one of them where it is named, of one campaign where that is.
SELECT u.upload_id, c.slug, u.action, u.contents, u.by, u.at, u.ended_at, u.fault,
    coalesce(k.done, 0)::integer AS done, coalesce(k.changed, 0)::integer AS changed
FROM uploads u JOIN campaigns c USING (campaign_id)
CROSS JOIN LATERAL (
    SELECT sum(cardinality(k.contents)) AS done, sum(k.changed) AS changed
    FROM upload_chunks k WHERE k.upload_id = u.upload_id AND k.done_at IS NOT NULL
) k
WHERE ($1::timestamptz IS NULL OR (u.at, u.upload_id) < ($1, $2)) AND ($4::text IS NULL OR u.upload_id = $4)
    AND ($5::text IS NULL OR c.slug = $5)
ORDER BY u.at DESC, u.upload_id DESC LIMIT $3;
