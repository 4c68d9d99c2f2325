-- name: add_campaign
-- What cannot change any more.
INSERT INTO campaigns (slug, promise, currency, floor_minor) VALUES ($1, $2, $3, $4) RETURNING campaign_id;

-- name: open_likes
-- The campaign's own partition of the likes.
SELECT open_likes($1);

-- name: add_terms
-- A version, in force from the start of a campaign day.
INSERT INTO terms (
    campaign_id, version, from_day, promise, amount_minor, per_likes, daily_cap_minor, likes_per_person_per_day
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: funding_taken
-- How much was taken under an idempotency key; null: none yet.
SELECT amount_minor FROM transfers WHERE idempotency_key = $1;

-- name: close_campaign
-- Once; that it closed and when cannot change any more.
UPDATE campaigns SET closed_at = $2 WHERE campaign_id = $1 AND closed_at IS NULL;

-- name: enrolled_elsewhere
-- The first of these contents that belongs to another campaign which is not closed, and to which.
SELECT e.content, c.slug FROM enrolments e
JOIN campaigns c USING (campaign_id)
WHERE e.content = ANY($2::text[]) AND e.campaign_id <> $1 AND c.closed_at IS NULL
ORDER BY e.content LIMIT 1;

-- name: enrol
-- New content, and such as a closed campaign leaves behind; what belongs to the campaign already stays as it is.
INSERT INTO enrolments AS e (content, campaign_id) SELECT unnest($2::text[]), $1
ON CONFLICT (content) DO UPDATE SET campaign_id = excluded.campaign_id, enrolled_at = clock_timestamp()
WHERE e.campaign_id <> excluded.campaign_id;

-- name: remove_enrolments
-- The content is the campaign's no longer.
DELETE FROM enrolments WHERE campaign_id = $1 AND content = ANY($2::text[]);
