-- name: find_enrolled_elsewhere
-- Find the first of these contents that belong to another open campaign, with its slug.
SELECT e.content, c.slug FROM enrolments e
JOIN campaigns c USING (campaign_id)
WHERE e.content = ANY($2::text[]) AND e.campaign_id <> $1 AND c.closed_at IS NULL
ORDER BY e.content LIMIT $3;

-- name: enrol_content
-- Enrol content that is new or left by another campaign. Content of this campaign stays unchanged.
INSERT INTO enrolments AS e (content, campaign_id, version) SELECT unnest($2::text[]), $1, $3
ON CONFLICT (content) DO UPDATE
    SET campaign_id = excluded.campaign_id, enrolled_at = clock_timestamp(), version = excluded.version
WHERE e.campaign_id IS DISTINCT FROM excluded.campaign_id
RETURNING content;

-- name: remove_enrolments
-- Remove content from a campaign.
UPDATE enrolments SET campaign_id = NULL, version = $3 WHERE campaign_id = $1 AND content = ANY($2::text[])
RETURNING content;

-- name: count_enrolled
-- Count how many of these contents belong to a campaign.
SELECT count(*) FROM enrolments WHERE campaign_id = $1 AND content = ANY($2::text[]);

-- name: find_unaccepted_content
-- Find the first of these contents that a campaign does not accept: it belongs to another campaign,
-- or to none where enrolment is required.
SELECT k.content, c.slug FROM unnest($2::text[]) AS k (content)
LEFT JOIN enrolments e USING (content)
LEFT JOIN campaigns c USING (campaign_id)
WHERE CASE WHEN e.campaign_id IS NULL THEN NOT $3::boolean ELSE e.campaign_id <> $1 END
ORDER BY k.content LIMIT 1;

-- name: pause_content
-- Pause content; a running pause stays unchanged.
INSERT INTO content_pauses AS p (content, campaign_id, paused_at, version) SELECT unnest($2::text[]), $1, $4, $3
ON CONFLICT (content, campaign_id) DO UPDATE
    SET paused_at = excluded.paused_at, resumed_at = NULL, version = excluded.version
WHERE p.resumed_at IS NOT NULL
RETURNING content;

-- name: resume_content
-- End the pauses of content.
UPDATE content_pauses SET resumed_at = greatest($4, paused_at), version = $3
WHERE campaign_id = $1 AND content = ANY($2::text[]) AND resumed_at IS NULL
RETURNING content;

-- name: list_content
-- List a page of enrolled or paused content, by content and campaign. A null filter matches
-- everything.
WITH candidates AS (
    (
        SELECT e.content, c.slug, e.enrolled_at, NULL::timestamptz AS paused_at
        FROM enrolments e JOIN campaigns c USING (campaign_id)
        WHERE $6::boolean IS NOT TRUE AND ($4::text IS NULL OR c.slug = $4) AND ($5::text IS NULL OR e.content = $5)
            AND ($1::text IS NULL OR (e.content, c.slug) > ($1, $2))
            AND NOT EXISTS (
                SELECT FROM content_pauses p
                WHERE p.content = e.content AND p.campaign_id = e.campaign_id AND p.resumed_at IS NULL
            )
        ORDER BY e.content, c.slug LIMIT $3
    )
    UNION ALL
    (
        SELECT p.content, c.slug, e.enrolled_at, p.paused_at
        FROM content_pauses p JOIN campaigns c USING (campaign_id)
        LEFT JOIN enrolments e ON e.content = p.content AND e.campaign_id = p.campaign_id
        WHERE p.resumed_at IS NULL AND $6::boolean IS NOT FALSE
            AND ($4::text IS NULL OR c.slug = $4) AND ($5::text IS NULL OR p.content = $5)
            AND ($1::text IS NULL OR (p.content, c.slug) > ($1, $2))
        ORDER BY p.content, c.slug LIMIT $3
    )
)
SELECT content, slug, enrolled_at, paused_at FROM candidates ORDER BY content, slug LIMIT $3;

-- name: count_content
-- Count the enrolled and the paused content of a campaign.
SELECT (SELECT count(*) FROM enrolments WHERE campaign_id = $1) AS enrolled,
    (SELECT count(*) FROM content_pauses WHERE campaign_id = $1 AND resumed_at IS NULL) AS paused;

-- name: add_upload
-- Insert an uploaded file of content, to be processed.
INSERT INTO content_uploads (upload_id, campaign_id, action, contents, digest, by, at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: add_upload_chunks
-- Insert the chunks of an upload, each for one transaction.
INSERT INTO content_upload_chunks (upload_id, number, contents) VALUES ($1, $2, $3);

-- name: lock_upload
-- Lock an upload to process it; no row if another instance does, or if it has ended.
SELECT upload_id FROM content_uploads WHERE upload_id = $1 AND ended_at IS NULL FOR UPDATE SKIP LOCKED;

-- name: find_next_chunk
-- Find the first unprocessed chunk of an upload.
SELECT k.number, k.contents, u.action, c.slug FROM content_upload_chunks k
JOIN content_uploads u USING (upload_id) JOIN campaigns c USING (campaign_id)
WHERE k.upload_id = $1 AND k.done_at IS NULL ORDER BY k.number LIMIT 1;

-- name: finish_chunk
-- Mark a chunk as processed, in the transaction that processed it.
UPDATE content_upload_chunks SET changed = $3, done_at = $4 WHERE upload_id = $1 AND number = $2;

-- name: finish_upload
-- End an upload once; no row if it had ended. A fault means incomplete. Waits for the chunk in
-- progress.
UPDATE content_uploads SET ended_at = $2, fault = $3 WHERE upload_id = $1 AND ended_at IS NULL RETURNING upload_id;

-- name: list_running_uploads
-- List the uploads in progress, oldest first.
SELECT upload_id FROM content_uploads WHERE ended_at IS NULL ORDER BY at, upload_id;

-- name: list_uploads
-- List a page of uploads with their progress, newest first. A null filter matches every upload or
-- campaign.
SELECT u.upload_id, c.slug, u.action, u.contents, u.by, u.at, u.ended_at, u.fault,
    coalesce(k.done, 0)::integer AS done, coalesce(k.changed, 0)::integer AS changed
FROM content_uploads u JOIN campaigns c USING (campaign_id)
CROSS JOIN LATERAL (
    SELECT sum(cardinality(k.contents)) AS done, sum(k.changed) AS changed
    FROM content_upload_chunks k WHERE k.upload_id = u.upload_id AND k.done_at IS NOT NULL
) k
WHERE ($1::timestamptz IS NULL OR (u.at, u.upload_id) < ($1, $2)) AND ($4::text IS NULL OR u.upload_id = $4)
    AND ($5::text IS NULL OR c.slug = $5)
ORDER BY u.at DESC, u.upload_id DESC LIMIT $3;
