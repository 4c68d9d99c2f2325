-- name: list_all_day_counts
-- List the days of all campaigns, in order.
SELECT campaign_id, day, counted, withdrawn, quarantined, void, over_limit, duplicate, low_quality FROM day_counts
ORDER BY campaign_id, day;

-- name: list_refusal_totals
-- List the refused likes of all campaigns by outcome, over all days.
SELECT campaign_id, outcome, sum(likes)::bigint AS likes FROM refusal_counts GROUP BY campaign_id, outcome;

-- name: list_people_counts
-- List the newest people count of all campaigns.
SELECT campaign_id, people, as_of FROM people_counts;

-- name: find_receipt_batch
-- Find a batch with its tree, its campaign, and the index of the leaf that commits to it.
SELECT c.slug, b.campaign_id, b.bucket, b.root, b.nonce_key, b.nonces, b.receipt_digests, b.positions, b.leaves,
    b.folded_at, q.leaf_index
FROM like_batches b
JOIN campaigns c USING (campaign_id)
LEFT JOIN leaf_queue q ON q.subject = 'count/' || b.folded_with || '/0'
WHERE b.batch_id = $1;

-- name: find_receipt_like
-- Find the like at a position of a batch.
SELECT state::text AS state, person, content, (extract(epoch FROM event_at) * 1000000)::bigint AS event_us
FROM likes WHERE campaign_id = $1 AND bucket = $2 AND batch_id = $3 AND position = $4;

-- name: find_counted_like
-- Find a counted like of a campaign in its newest batch whose nonces nobody erased.
SELECT b.batch_id, l.position, b.nonce_key
FROM like_batches b
JOIN campaigns c USING (campaign_id)
JOIN likes l ON l.campaign_id = b.campaign_id AND l.bucket = b.bucket AND l.batch_id = b.batch_id
WHERE c.slug = $1 AND l.state = 'counted' AND b.nonce_key IS NOT NULL
ORDER BY b.batch_id DESC LIMIT 1;
