-- name: lock_campaign
-- Lock a campaign for one tick at a time and return when it closed. Intake locks the catalogue
-- only, so it continues.
SELECT closed_at FROM campaigns WHERE campaign_id = $1 FOR NO KEY UPDATE;

-- name: list_unfolded_campaigns
-- List the campaigns that have batches to fold.
SELECT campaign_id FROM campaigns c
WHERE EXISTS (SELECT FROM like_batches b WHERE b.campaign_id = c.campaign_id AND b.folded_at IS NULL)
ORDER BY campaign_id;

-- name: claim_batches
-- Claim unfolded batches by their state, so that the next tick finds a batch that commits late.
-- Folds in the order of writing, not of ids: an unlike with the lower id may have waited for its
-- like, and no day may count below zero.
WITH claimed AS (
    UPDATE like_batches b SET folded_at = clock_timestamp(), folded_with = w.first
    FROM (
        SELECT batch_id, bucket, first_value(batch_id) OVER (ORDER BY recorded_at, batch_id) AS first
        FROM like_batches
        WHERE campaign_id = $1 AND folded_at IS NULL ORDER BY recorded_at, batch_id LIMIT $2
    ) w
    WHERE b.batch_id = w.batch_id AND b.bucket = w.bucket
    RETURNING b.batch_id, b.size, b.root, b.tallies, b.recorded_at
)
SELECT batch_id, size, root, tallies FROM claimed ORDER BY recorded_at, batch_id;

-- name: create_day_counts
-- Create days at zero first: a constraint would refuse to insert a negative difference before the
-- conflict is handled.
INSERT INTO day_counts (campaign_id, day) SELECT $1, unnest($2::date[]) ON CONFLICT DO NOTHING;

-- name: add_day_counts
-- Add differences to the totals of the days.
UPDATE day_counts d SET
    counted = d.counted + n.counted, withdrawn = d.withdrawn + n.withdrawn,
    quarantined = d.quarantined + n.quarantined, void = d.void + n.void,
    over_limit = d.over_limit + n.over_limit, low_quality = d.low_quality + n.low_quality,
    duplicate = d.duplicate + n.duplicate
FROM unnest(
    $2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]
) AS n (day, counted, withdrawn, quarantined, void, over_limit, low_quality, duplicate)
WHERE d.campaign_id = $1 AND d.day = n.day;

-- name: add_refusal_counts
-- Add refused likes to their counts.
INSERT INTO refusal_counts AS r (campaign_id, day, outcome, likes)
SELECT $1, n.* FROM unnest($2::date[], $3::text[], $4::bigint[]) AS n (day, outcome, likes)
ON CONFLICT (campaign_id, day, outcome) DO UPDATE SET likes = r.likes + excluded.likes;

-- name: list_day_counts
-- List the days of a campaign.
SELECT day, counted, withdrawn, quarantined, void, over_limit, low_quality, duplicate FROM day_counts
WHERE campaign_id = $1 ORDER BY day;

-- name: find_oldest_unfolded
-- Return when the oldest unfolded batch was recorded; null if all are folded.
SELECT min(recorded_at) FROM like_batches WHERE folded_at IS NULL;

-- name: find_funding
-- Find the amount that an idempotency key funded; no row if it funded nothing.
SELECT amount_minor FROM transfers WHERE idempotency_key = $1;

-- name: close_campaign
-- Close a campaign, once and for ever. It accepts no like any more, so its tombstones go.
WITH deleted AS (DELETE FROM like_tombstones WHERE campaign_id = $1)
UPDATE campaigns SET closed_at = $2 WHERE campaign_id = $1 AND closed_at IS NULL;
