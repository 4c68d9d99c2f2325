-- name: lock_campaign
-- One tick of a campaign at a time; intake, which locks the catalogue only, goes on. Returns when it was closed.
SELECT closed_at FROM campaigns WHERE campaign_id = $1 FOR NO KEY UPDATE;

-- name: campaigns_to_tick
-- Campaigns that have batches to fold.
SELECT campaign_id FROM campaigns c
WHERE EXISTS (SELECT FROM like_batches b WHERE b.campaign_id = c.campaign_id AND b.folded_at IS NULL)
ORDER BY campaign_id;

-- name: claim_batches
-- By their own state: a batch that commits late is found by the next tick. In the order in which they were written,
-- not numbered: an unlike that was numbered first may have waited for its like, and no day may count below zero.
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

-- name: open_days
-- Days start at zero: a difference below zero could not be inserted, for constraints look before conflicts do.
INSERT INTO day_counts (campaign_id, day) SELECT $1, unnest($2::date[]) ON CONFLICT DO NOTHING;

-- name: add_day_counts
-- Differences, added to the days' totals.
UPDATE day_counts d SET
    counted = d.counted + n.counted, withdrawn = d.withdrawn + n.withdrawn,
    quarantined = d.quarantined + n.quarantined, void = d.void + n.void,
    over_limit = d.over_limit + n.over_limit, duplicate = d.duplicate + n.duplicate
FROM unnest($2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
    AS n (day, counted, withdrawn, quarantined, void, over_limit, duplicate)
WHERE d.campaign_id = $1 AND d.day = n.day;

-- name: add_refusals
-- What was refused, counted as durably as what counts.
INSERT INTO refusal_counts AS r (campaign_id, day, outcome, likes)
SELECT $1, n.* FROM unnest($2::date[], $3::text[], $4::bigint[]) AS n (day, outcome, likes)
ON CONFLICT (campaign_id, day, outcome) DO UPDATE SET likes = r.likes + excluded.likes;

-- name: day_counts
-- A campaign's days.
SELECT day, counted, withdrawn, quarantined, void, over_limit, duplicate FROM day_counts
WHERE campaign_id = $1 ORDER BY day;

-- name: unfolded_since
-- When the oldest batch that waits for a tick was recorded; null where none waits.
SELECT min(recorded_at) FROM like_batches WHERE folded_at IS NULL;
