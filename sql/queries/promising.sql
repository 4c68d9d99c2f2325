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
