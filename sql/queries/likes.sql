-- Every look-up here is a LATERAL sub-select with a LIMIT: the planner then can only go key by key through the index,
-- whatever the statistics of a table said that was empty a minute ago. What was found is changed by its ctid.

-- name: known_likes
-- What is known of the likes that were there before a batch; `place` is the key's place in the arrays.
SELECT k.place::integer, l.state::text, (extract(epoch FROM l.event_at) * 1000000)::bigint AS event_us, l.day
FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS k (content, person, place)
CROSS JOIN LATERAL (
    SELECT state, event_at, day FROM likes
    WHERE campaign_id = $1 AND content = k.content AND person = k.person AND bucket = $4 LIMIT 1
) l;

-- name: claim_likes
-- Insert every like as if it were new, sorted by key so that overlapping batches never wait for each other in a
-- circle; return the places of those that were.
WITH claimed AS (
    INSERT INTO likes (batch_id, campaign_id, bucket, event_at, day, position, state, person, content)
    SELECT $1, $2, $3, 'epoch'::timestamptz + n.event_us * interval '1 microsecond',
        date '0001-01-01' + nullif(n.day, 0) - 1, n.place - 1, n.state,
        substring($7::bytea FROM (n.place::integer - 1) * 16 + 1 FOR 16), n.content
    FROM unnest(
        $4::text::bigint[], $5::text::integer[], $6::text::like_state[], string_to_array($8::text, E'\x1f')
    ) WITH ORDINALITY AS n (event_us, day, state, content, place)
    ON CONFLICT DO NOTHING
    RETURNING position
)
SELECT coalesce(array_agg(position), '{}') FROM claimed;

-- name: mark_over_limit
-- Likes of this transaction that found no place in the person's day.
UPDATE likes l SET state = 'over_limit'
FROM unnest($3::text[], $4::bytea[]) AS n (content, person)
CROSS JOIN LATERAL (
    SELECT o.ctid FROM likes o
    WHERE o.campaign_id = $1 AND o.bucket = $2 AND o.content = n.content AND o.person = n.person LIMIT 1
) own
WHERE l.campaign_id = $1 AND l.ctid = own.ctid;

-- name: update_likes
-- Known likes that changed, each only if it still is what was decided upon; locked in the order given.
WITH locked AS (
    SELECT own.ctid, n.event_us, n.day, n.state, n.position, n.begins
    FROM unnest(
        $4::text[], $5::bytea[], $6::bigint[], $7::text[], $8::bigint[], $9::date[], $10::text[],
        $11::integer[], $12::boolean[]
    ) AS n (content, person, old_event_us, old_state, event_us, day, state, position, begins)
    CROSS JOIN LATERAL (
        SELECT o.ctid FROM likes o
        WHERE o.campaign_id = $2 AND o.bucket = $3 AND o.content = n.content AND o.person = n.person
            AND o.event_at = 'epoch'::timestamptz + n.old_event_us * interval '1 microsecond' AND o.state = n.old_state::like_state
        LIMIT 1 FOR UPDATE
    ) own
)
UPDATE likes l
SET event_at = 'epoch'::timestamptz + c.event_us * interval '1 microsecond', day = c.day, state = c.state::like_state,
    batch_id = CASE WHEN c.begins THEN $1 ELSE l.batch_id END,
    position = CASE WHEN c.begins THEN c.position ELSE l.position END
FROM locked c
WHERE l.campaign_id = $2 AND l.ctid = c.ctid;

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
CROSS JOIN LATERAL (
    SELECT o.ctid FROM person_days o
    WHERE o.campaign_id = $1 AND o.bucket = $2 AND o.person = n.person AND o.day = n.day LIMIT 1
) own
WHERE n.moves_by < 0 AND p.ctid = own.ctid
RETURNING p.person, p.day, p.live;

-- name: promote_likes
-- A like was withdrawn, so the oldest of the same person and day that was over the limit counts now.
WITH chosen AS (
    SELECT o.ctid, $4 + (row_number() OVER ())::integer - 1 AS position
    FROM unnest($5::bytea[], $6::date[], $7::integer[]) AS w (person, day, places)
    CROSS JOIN LATERAL (
        SELECT l.ctid, row_number() OVER (ORDER BY l.event_at, l.content) AS turn FROM likes l
        WHERE l.campaign_id = $2 AND l.bucket = $3 AND l.person = w.person AND l.day = w.day AND l.state = 'over_limit'
    ) o
    WHERE o.turn <= w.places
)
UPDATE likes l SET state = 'counted', batch_id = $1, position = c.position
FROM chosen c
WHERE l.campaign_id = $2 AND l.state = 'over_limit' AND l.ctid = c.ctid
RETURNING l.position, (extract(epoch FROM l.event_at) * 1000000)::bigint AS event_us, l.day, l.person, l.content;

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
CROSS JOIN LATERAL (
    SELECT * FROM deliveries o WHERE o.platform_id = k.platform_id AND o.webhook_id = k.webhook_id LIMIT 1
) d;

-- name: insert_deliveries
-- What was answered; a delivery that another transaction has answered meanwhile is left out, and seen by the count.
INSERT INTO deliveries (platform_id, webhook_id, body_digest, answer)
SELECT * FROM unnest($1::integer[], $2::text[], $3::bytea[], $4::bytea[])
ON CONFLICT DO NOTHING;

-- name: forget_deliveries
-- After seven days a webhook-id is forgotten; the likes themselves are known for ever.
DELETE FROM deliveries WHERE recorded_at < $1;
