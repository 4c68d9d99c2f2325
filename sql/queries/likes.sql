-- name: known_likes
-- What is known of the likes that a batch touches; most are new. `place` is the key's place in the arrays.
SELECT k.place::integer, l.state::text, l.event_at, l.day
FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS k (content, person, place)
JOIN likes l ON l.campaign_id = $1 AND l.content = k.content AND l.person = k.person AND l.bucket = $4;

-- name: claim_likes
-- Insert every like as if it were new, sorted by key so that overlapping batches never wait for each other in a
-- circle; return the places of those that were.
WITH claimed AS (
    INSERT INTO likes (batch_id, campaign_id, bucket, event_at, day, position, state, person, content)
    SELECT $1, $2, $3, n.event_at, n.day, n.position, n.state::like_state, n.person, n.content
    FROM unnest($4::timestamptz[], $5::date[], $6::integer[], $7::text[], $8::bytea[], $9::text[])
        AS n (event_at, day, position, state, person, content)
    ON CONFLICT DO NOTHING
    RETURNING position
)
SELECT coalesce(array_agg(position), '{}') FROM claimed;

-- name: mark_over_limit
-- Likes of this transaction that found no place in the person's day.
UPDATE likes l SET state = 'over_limit'
FROM unnest($3::text[], $4::bytea[]) AS n (content, person)
WHERE l.campaign_id = $1 AND l.bucket = $2 AND l.content = n.content AND l.person = n.person;

-- name: update_likes
-- Known likes that changed, each only if it still is what was decided upon; locked in order of their keys.
WITH n AS (
    SELECT * FROM unnest(
        $4::text[], $5::bytea[], $6::timestamptz[], $7::text[], $8::timestamptz[], $9::date[], $10::text[],
        $11::integer[], $12::boolean[]
    ) AS n (content, person, old_event_at, old_state, event_at, day, state, position, begins)
), locked AS (
    SELECT l.campaign_id, l.content, l.person, l.bucket, n.event_at, n.day, n.state, n.position, n.begins
    FROM n
    JOIN likes l ON l.campaign_id = $2 AND l.content = n.content AND l.person = n.person AND l.bucket = $3
    WHERE l.event_at = n.old_event_at AND l.state = n.old_state::like_state
    ORDER BY l.content, l.person FOR UPDATE OF l
)
UPDATE likes l
SET event_at = c.event_at, day = c.day, state = c.state::like_state,
    batch_id = CASE WHEN c.begins THEN $1 ELSE l.batch_id END,
    position = CASE WHEN c.begins THEN c.position ELSE l.position END
FROM locked c
WHERE l.campaign_id = c.campaign_id AND l.content = c.content AND l.person = c.person AND l.bucket = c.bucket;

-- name: enter_person_days
-- New live likes on the persons' days; every row that the batch moves is locked here, in order, until it ends.
INSERT INTO person_days AS p (campaign_id, bucket, person, day, live)
SELECT $1, $2, n.person, n.day, greatest(n.moves_by, 0)
FROM unnest($3::bytea[], $4::date[], $5::integer[]) AS n (person, day, moves_by)
ON CONFLICT (campaign_id, person, day, bucket) DO UPDATE SET live = p.live + excluded.live
RETURNING person, day, live;

-- name: leave_person_days
-- Live likes that were withdrawn.
UPDATE person_days p SET live = p.live + n.moves_by
FROM unnest($3::bytea[], $4::date[], $5::integer[]) AS n (person, day, moves_by)
WHERE p.campaign_id = $1 AND p.bucket = $2 AND p.person = n.person AND p.day = n.day AND n.moves_by < 0
RETURNING p.person, p.day, p.live;

-- name: promote_likes
-- A like was withdrawn, so the oldest of the same person and day that was over the limit counts now.
WITH w AS (
    SELECT * FROM unnest($5::bytea[], $6::date[], $7::integer[]) AS w (person, day, places)
), chosen AS (
    SELECT w.person, o.content, $4 + (row_number() OVER ())::integer - 1 AS position
    FROM w CROSS JOIN LATERAL (
        SELECT l.content, row_number() OVER (ORDER BY l.event_at, l.content) AS turn FROM likes l
        WHERE l.campaign_id = $2 AND l.bucket = $3 AND l.person = w.person AND l.day = w.day AND l.state = 'over_limit'
    ) o
    WHERE o.turn <= w.places
)
UPDATE likes l SET state = 'counted', batch_id = $1, position = c.position
FROM chosen c
WHERE l.campaign_id = $2 AND l.bucket = $3 AND l.content = c.content AND l.person = c.person
RETURNING l.position, l.event_at, l.day, l.person, l.content;

-- name: insert_batch
-- One row a batch and campaign: what it changed, and the tree over the likes that it made count.
INSERT INTO like_batches (batch_id, campaign_id, bucket, root, nonce_key, positions, leaves, tallies)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb);

-- name: begin_batches
-- The catalogue's version, and ids for the batches of this transaction.
SELECT version, ARRAY(SELECT nextval('like_batches_batch_id') FROM generate_series(1, $1)) AS batch_ids FROM catalogue;

-- name: known_deliveries
-- Deliveries that were answered before.
SELECT d.platform_id, d.webhook_id, d.body_digest, d.answer
FROM unnest($1::integer[], $2::text[]) AS k (platform_id, webhook_id)
JOIN deliveries d ON d.platform_id = k.platform_id AND d.webhook_id = k.webhook_id;

-- name: insert_deliveries
-- What was answered; a delivery that another transaction has answered meanwhile is left out, and seen by the count.
INSERT INTO deliveries (platform_id, webhook_id, body_digest, answer)
SELECT * FROM unnest($1::integer[], $2::text[], $3::bytea[], $4::bytea[])
ON CONFLICT DO NOTHING;

-- name: forget_deliveries
-- After seven days a webhook-id is forgotten; the likes themselves are known for ever.
DELETE FROM deliveries WHERE recorded_at < $1;
