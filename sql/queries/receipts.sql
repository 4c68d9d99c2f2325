-- name: receipted_batch
-- A batch with its tree, its campaign, and where the leaf that tells of it stands in the log.
SELECT c.slug, b.campaign_id, b.bucket, b.root, b.nonce_key, b.nonces, b.positions, b.leaves, b.folded_at, q.leaf_index
FROM like_batches b
JOIN campaigns c USING (campaign_id)
LEFT JOIN leaf_queue q ON q.subject = 'count/' || b.folded_with || '/0'
WHERE b.batch_id = $1;

-- name: receipted_like
-- The like that stands at a place of a batch, while it is there.
SELECT state::text AS state, person, content, (extract(epoch FROM event_at) * 1000000)::bigint AS event_us
FROM likes WHERE campaign_id = $1 AND bucket = $2 AND batch_id = $3 AND position = $4;

-- name: batches_of_person
-- The batches in which a person's likes stand, with what their nonces are made of, locked until the transaction ends.
SELECT b.batch_id, b.bucket, b.nonce_key, b.nonces, b.positions,
    ARRAY(
        SELECT l.position FROM likes l
        WHERE l.campaign_id = $1 AND l.person = $2 AND l.batch_id = b.batch_id AND l.bucket = b.bucket
    ) AS places
FROM like_batches b
WHERE (b.batch_id, b.bucket) IN (SELECT batch_id, bucket FROM likes WHERE campaign_id = $1 AND person = $2)
ORDER BY b.batch_id FOR NO KEY UPDATE;

-- name: keep_nonces
-- The nonces that are left of a batch; the key that would give all of them goes.
UPDATE like_batches SET nonce_key = NULL, nonces = $3 WHERE batch_id = $1 AND bucket = $2;

-- name: unname_likes
-- A person's likes under a pseudonym that nobody can derive.
UPDATE likes SET person = $3 WHERE campaign_id = $1 AND person = $2;

-- name: unname_days
-- And their days.
UPDATE person_days SET person = $3 WHERE campaign_id = $1 AND person = $2;
