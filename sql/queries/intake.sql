-- Every look-up here is a LATERAL sub-select with a LIMIT: the planner then goes key by key through
-- the index, even if the statistics describe a table that was empty a minute ago. Updates address
-- the rows by ctid.

-- name: claim_likes
-- Claim a campaign's part of a group: look every like up, and insert those that are not stored,
-- sorted by key so that overlapping batches never deadlock. An insert of a like that another
-- transaction stored meanwhile fails (unique_violation). Nothing is inserted if the catalogue
-- changed, or if a delivery of the group was answered before. Returns the stored likes in columns,
-- their positions from 0.
WITH guard AS MATERIALIZED (
    SELECT nextval('like_batches_batch_id') AS batch_id,
        (SELECT version FROM catalogue_version) = $1 AS is_current,
        EXISTS (
            SELECT FROM unnest($2::integer[], $3::text[]) AS k (platform_id, webhook_id)
            CROSS JOIN LATERAL (
                SELECT FROM deliveries o
                WHERE o.platform_id = k.platform_id AND o.webhook_id = k.webhook_id LIMIT 1
            ) d
        ) AS has_answers
), incoming AS MATERIALIZED (
    SELECT n.*, s.state AS stored_state, s.event_at, s.day AS stored_day, s.latest_at, s.is_suspect AS was_suspect,
        s.is_low_quality AS was_low_quality, s.verdict, s.lacks_leaf
    FROM (
        SELECT u.*, substring($6::bytea FROM (u.position::integer - 1) * 16 + 1 FOR 16) AS person
        FROM unnest(
            string_to_array($7::text, E'\x1f'), $8::text::bigint[], $9::text::integer[], $10::text::like_state[],
            $11::text::bigint[], $12::text::boolean[], $13::text::boolean[]
        ) WITH ORDINALITY AS u (content, event_us, day, state, latest_us, is_suspect, is_low_quality, position)
    ) n
    LEFT JOIN LATERAL (
        SELECT l.state, l.event_at, l.day, l.latest_at, l.is_suspect, l.is_low_quality, l.verdict, l.lacks_leaf
        FROM likes l
        WHERE l.campaign_id = $4 AND l.content = n.content AND l.person = n.person AND l.bucket = $5 LIMIT 1
    ) s ON true
), inserted AS (
    INSERT INTO likes (
        batch_id, campaign_id, bucket, event_at, day, position, state, person, content, latest_at, is_suspect,
        is_low_quality
    )
    SELECT g.batch_id, $4, $5, 'epoch'::timestamptz + n.event_us * interval '1 microsecond',
        date '0001-01-01' + nullif(n.day, 0) - 1, n.position - 1, coalesce(n.state, 'counted'), n.person, n.content,
        'epoch'::timestamptz + nullif(n.latest_us, n.event_us) * interval '1 microsecond',
        coalesce(n.is_suspect, false), coalesce(n.is_low_quality, false)
    FROM guard g CROSS JOIN incoming n
    WHERE g.is_current AND NOT g.has_answers AND n.stored_state IS NULL
)
SELECT g.*, s.*
FROM guard g CROSS JOIN (
    SELECT array_agg(position::integer - 1) AS positions, array_agg(stored_state::text) AS states,
        array_agg((extract(epoch FROM event_at) * 1000000)::bigint) AS times_us,
        array_agg(stored_day) AS days,
        array_agg((extract(epoch FROM coalesce(latest_at, event_at)) * 1000000)::bigint) AS latest_us,
        array_agg(was_suspect) AS suspects, array_agg(was_low_quality) AS low_quality,
        array_agg(verdict::text) AS verdicts, array_agg(lacks_leaf) AS lacking_leaves
    FROM incoming WHERE stored_state IS NOT NULL
) s;

-- name: mark_over_limit
-- Mark likes of this transaction that exceed the person's limit of the day.
UPDATE likes l SET state = 'over_limit'
FROM unnest($3::text[], $4::bytea[]) AS n (content, person)
CROSS JOIN LATERAL (
    SELECT o.ctid FROM likes o
    WHERE o.campaign_id = $1 AND o.bucket = $2 AND o.content = n.content AND o.person = n.person LIMIT 1
) target
WHERE l.campaign_id = $1 AND l.ctid = target.ctid;

-- name: update_likes
-- Update stored likes, each only if it still equals the row that the decision read; locks them in
-- the order of the arrays. A like with a position gets its leaf in this batch. One that moves to an
-- earlier event keeps the time that its leaf commits to.
WITH locked AS (
    SELECT target.ctid, n.event_us, n.day, n.state, n.latest_us, n.is_suspect, n.is_low_quality, n.verdict, n.position
    FROM unnest(
        $4::text[], $5::bytea[], $6::bigint[], $7::date[], $8::bigint[], $9::text[], $10::boolean[], $11::boolean[],
        $12::text[], $13::bigint[], $14::date[], $15::text[], $16::bigint[], $17::boolean[], $18::boolean[],
        $19::text[], $20::integer[]
    ) AS n (
        content, person, old_event_us, old_day, old_latest_us, old_state, old_is_suspect, old_is_low_quality,
        old_verdict, event_us, day, state, latest_us, is_suspect, is_low_quality, verdict, position
    )
    CROSS JOIN LATERAL (
        SELECT o.ctid FROM likes o
        WHERE o.campaign_id = $2 AND o.bucket = $3 AND o.content = n.content AND o.person = n.person
            AND o.event_at = 'epoch'::timestamptz + n.old_event_us * interval '1 microsecond'
            AND o.day IS NOT DISTINCT FROM n.old_day  -- an unlike that came first has none, at the same moment
            AND coalesce(o.latest_at, o.event_at)
                = 'epoch'::timestamptz + n.old_latest_us * interval '1 microsecond'
            AND o.state = n.old_state::like_state AND o.is_suspect = n.old_is_suspect
            AND o.is_low_quality = n.old_is_low_quality
            AND o.verdict IS NOT DISTINCT FROM n.old_verdict::like_verdict
        LIMIT 1 FOR UPDATE
    ) target
)
UPDATE likes l
SET event_at = 'epoch'::timestamptz + c.event_us * interval '1 microsecond', day = c.day, state = c.state::like_state,
    latest_at = 'epoch'::timestamptz + nullif(c.latest_us, c.event_us) * interval '1 microsecond',
    is_suspect = c.is_suspect, is_low_quality = c.is_low_quality, verdict = c.verdict::like_verdict,
    batch_id = CASE WHEN c.position IS NULL THEN l.batch_id ELSE $1 END,
    position = coalesce(c.position, l.position),
    leaf_at = CASE
        WHEN c.position IS NULL AND l.day IS NOT NULL THEN coalesce(
            l.leaf_at, nullif(l.event_at, 'epoch'::timestamptz + c.event_us * interval '1 microsecond')
        )
    END,
    lacks_leaf = CASE WHEN c.position IS NULL THEN l.lacks_leaf END
FROM locked c
WHERE l.campaign_id = $2 AND l.ctid = c.ctid;

-- name: add_to_person_days
-- Add live likes to the persons' days, sorted by key, and lock every row until the end: the plain
-- likes that were not stored before ($7 has a byte for each position, not 0 if it was), and what the
-- decisions add. Return the days over their limit, and all days of the persons whose likes leave one
-- or move in it.
WITH entering AS (
    SELECT substring($3::bytea FROM (n.number::integer - 1) * 16 + 1 FOR 16) AS person,
        date '0001-01-01' + n.day - 1 AS day, n.content
    FROM unnest(string_to_array($4::text, E'\x1f'), $5::text::integer[], $6::text::integer[]) WITH ORDINALITY
        AS n (content, day, position, number)
    WHERE get_byte($7::bytea, n.position) = 0
    UNION ALL
    SELECT n.person, n.day, c.content
    FROM unnest($8::bytea[], $9::date[], $10::text[]) AS n (person, day, contents)
    LEFT JOIN LATERAL unnest(string_to_array(n.contents, E'\x1f')) AS c (content) ON true
), added AS (
    INSERT INTO person_days AS p (campaign_id, bucket, person, day, live, contents)
    SELECT $1, $2, person, day, count(content), coalesce(array_agg(content) FILTER (WHERE content IS NOT NULL), '{}')
    FROM entering GROUP BY person, day ORDER BY person, day
    ON CONFLICT (campaign_id, person, day, bucket)
    DO UPDATE SET live = p.live + excluded.live, contents = p.contents || excluded.contents
    RETURNING person, day, live, contents
)
SELECT person, day, contents FROM added
WHERE live > ($12::integer[])[array_position($11::date[], day)] OR person = ANY ($13::bytea[]);

-- name: list_day_likes
-- List the likes of persons' days that may count: those that do, and the earliest ones over the
-- limit; `position` is the index of the person's day in the arrays, from 1.
SELECT n.position::integer, l.content, l.state::text, (extract(epoch FROM l.event_at) * 1000000)::bigint AS event_us,
    l.day, (extract(epoch FROM coalesce(l.latest_at, l.event_at)) * 1000000)::bigint AS latest_us, l.is_suspect,
    l.is_low_quality, l.verdict::text AS verdict, l.lacks_leaf
FROM unnest($3::bytea[], $4::date[], $5::integer[], $6::text[]) WITH ORDINALITY
    AS n (person, day, likes_max, contents, position)
CROSS JOIN LATERAL (
    SELECT o.* FROM unnest(string_to_array(n.contents, E'\x1f')) AS c (content)
    CROSS JOIN LATERAL (
        SELECT * FROM likes
        WHERE campaign_id = $1 AND bucket = $2 AND content = c.content AND person = n.person LIMIT 1
    ) o
    UNION ALL
    (
        SELECT * FROM likes
        WHERE campaign_id = $1 AND bucket = $2 AND person = n.person AND day = n.day AND state = 'over_limit'
        ORDER BY event_at, content COLLATE "C" LIMIT n.likes_max
    )
) l;

-- name: store_places
-- Store how many likes left the persons' days, and the contents of those that count. A day that
-- cannot lose so many is skipped: another transaction took one of them.
UPDATE person_days p SET live = p.live - n.leaving, contents = string_to_array(n.contents, E'\x1f')
FROM unnest($3::bytea[], $4::date[], $5::integer[], $6::text[]) AS n (person, day, leaving, contents)
CROSS JOIN LATERAL (
    SELECT o.ctid FROM person_days o
    WHERE o.campaign_id = $1 AND o.bucket = $2 AND o.person = n.person AND o.day = n.day LIMIT 1
) target
WHERE p.ctid = target.ctid AND p.live >= n.leaving;

-- name: list_like_days
-- List the days of likes.
SELECT n.person, l.day FROM unnest($3::text[], $4::bytea[]) AS n (content, person)
CROSS JOIN LATERAL (
    SELECT day FROM likes
    WHERE campaign_id = $1 AND bucket = $2 AND content = n.content AND person = n.person LIMIT 1
) l;

-- name: lock_person_days
-- Lock persons' days in the order of the arrays until the end, and return the contents that count.
INSERT INTO person_days AS p (campaign_id, bucket, person, day, live)
SELECT $1, $2, n.person, n.day, 0 FROM unnest($3::bytea[], $4::date[]) AS n (person, day)
ON CONFLICT (campaign_id, person, day, bucket) DO UPDATE SET live = p.live
RETURNING person, day, array_to_string(contents, E'\x1f') AS contents;

-- name: lock_likes
-- Lock likes in the order of the arrays; `position` is the index in them, from 1.
SELECT n.position::integer, l.state::text AS state, (extract(epoch FROM l.event_at) * 1000000)::bigint AS event_us,
    l.day, (extract(epoch FROM coalesce(l.latest_at, l.event_at)) * 1000000)::bigint AS latest_us, l.is_suspect,
    l.is_low_quality, l.verdict::text AS verdict, l.lacks_leaf
FROM unnest($3::text[], $4::bytea[]) WITH ORDINALITY AS n (content, person, position)
CROSS JOIN LATERAL (
    SELECT * FROM likes
    WHERE campaign_id = $1 AND bucket = $2 AND content = n.content AND person = n.person LIMIT 1 FOR UPDATE
) l;

-- name: next_batch_id
-- Return the id of a new batch.
SELECT nextval('like_batches_batch_id');

-- name: insert_verdict_batch
-- Insert the batch of verdicts: the change of the counts, and the leaves of likes that lacked one.
INSERT INTO like_batches (batch_id, campaign_id, bucket, root, nonce_key, positions, leaves, tallies)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb);

-- name: list_verdicts
-- List the verdicts about likes.
SELECT v.day, v.verdict::text AS verdict, v.families, v.decided_by
FROM unnest($3::text[], $4::bytea[]) AS n (content, person)
CROSS JOIN LATERAL (
    SELECT * FROM verdicts
    WHERE campaign_id = $1 AND bucket = $2 AND content = n.content AND person = n.person LIMIT 1
) v;

-- name: store_verdicts
-- Store the verdicts about likes in place of those that they have.
INSERT INTO verdicts (
    campaign_id, bucket, ruleset, stage, decided_by, decided_at, content, person, day, verdict, families, rules
)
SELECT $1, $2, $3, $4, $5, $6, n.content, n.person, n.day, n.verdict::like_verdict,
    string_to_array(n.families, E'\x1f'), string_to_array(n.rules, E'\x1f')
FROM unnest($7::text[], $8::bytea[], $9::date[], $10::text[], $11::text[], $12::text[])
    AS n (content, person, day, verdict, families, rules)
ON CONFLICT (campaign_id, content, person, bucket) DO UPDATE SET
    day = excluded.day, verdict = excluded.verdict, families = excluded.families, rules = excluded.rules,
    ruleset = excluded.ruleset, stage = excluded.stage, decided_by = excluded.decided_by,
    decided_at = excluded.decided_at;

-- name: create_verdict_counts
-- Create counts at zero first: a constraint would refuse to insert a negative difference before the
-- conflict is handled.
INSERT INTO verdict_counts (campaign_id, day, family, decided_by)
SELECT $1, n.* FROM unnest($2::date[], $3::text[], $4::text[]) AS n (day, family, decided_by)
ON CONFLICT DO NOTHING;

-- name: add_verdict_counts
-- Add differences to the counts of verdicts.
UPDATE verdict_counts c SET held = c.held + n.held, released = c.released + n.released, void = c.void + n.void
FROM unnest($2::date[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
    AS n (day, family, decided_by, held, released, void)
WHERE c.campaign_id = $1 AND c.day = n.day AND c.family = n.family AND c.decided_by = n.decided_by;

-- name: list_verdict_counts
-- List the verdicts of days by family and decider.
SELECT day, family, decided_by, held, released, void FROM verdict_counts
WHERE campaign_id = $1 AND day = ANY ($2::date[])
ORDER BY day, family, decided_by;

-- name: list_like_leaves
-- List the hashes of the likes' leaves in the trees of their batches; null for a like without one.
SELECT substring(b.leaves FROM 32 * array_position(b.positions, l.position) - 31 FOR 32) AS leaf
FROM unnest($3::text[], $4::bytea[]) WITH ORDINALITY AS n (content, person, number)
CROSS JOIN LATERAL (
    SELECT batch_id, bucket, position, lacks_leaf FROM likes
    WHERE campaign_id = $1 AND bucket = $2 AND content = n.content AND person = n.person LIMIT 1
) l
LEFT JOIN like_batches b ON b.batch_id = l.batch_id AND b.bucket = l.bucket AND l.lacks_leaf IS NOT true
ORDER BY n.number;

-- name: find_deliveries
-- Find the deliveries that were answered before.
SELECT d.platform_id, d.webhook_id, d.body_digest, d.answer
FROM unnest($1::integer[], $2::text[]) AS k (platform_id, webhook_id)
CROSS JOIN LATERAL (
    SELECT * FROM deliveries o WHERE o.platform_id = k.platform_id AND o.webhook_id = k.webhook_id LIMIT 1
) d;

-- name: keep_group
-- Keep a group: a row per campaign with its changes and the tree over the likes that it brought,
-- the observations, and the responses to the deliveries. A delivery that another transaction answered is skipped, and
-- the row count shows it.
WITH kept AS (
    INSERT INTO like_batches (batch_id, campaign_id, bucket, root, nonce_key, positions, leaves, tallies)
    SELECT b.batch_id, b.campaign_id, $1, b.root, b.nonce_key, b.positions::integer[], b.leaves, b.tallies::jsonb
    FROM unnest($2::bigint[], $3::integer[], $4::bytea[], $5::bytea[], $6::text[], $7::bytea[], $8::text[])
        AS b (batch_id, campaign_id, root, nonce_key, positions, leaves, tallies)
), observed AS (
    INSERT INTO observations (batch_id, campaign_id, bucket, likes, first_at, last_at, packed)
    SELECT o.batch_id, o.campaign_id, $1, o.likes, 'epoch'::timestamptz + o.first_us * interval '1 microsecond',
        'epoch'::timestamptz + o.last_us * interval '1 microsecond', o.packed
    FROM unnest($9::bigint[], $10::integer[], $11::integer[], $12::bigint[], $13::bigint[], $14::bytea[])
        AS o (batch_id, campaign_id, likes, first_us, last_us, packed)
)
INSERT INTO deliveries (platform_id, webhook_id, body_digest, answer)
SELECT * FROM unnest($15::integer[], $16::text[], $17::bytea[], $18::bytea[])
ON CONFLICT DO NOTHING;

-- name: delete_old_deliveries
-- Delete the responses to deliveries before a moment; the likes themselves stay.
DELETE FROM deliveries WHERE recorded_at < $1;

-- name: store_key_usage
-- Store when keys last verified a delivery: only forward, and locked in order so that two instances
-- never deadlock.
WITH usage AS (
    SELECT n.key_id, n.at FROM unnest($1::integer[], $2::timestamptz[]) AS n (key_id, at)
), locked AS (
    SELECT k.key_id FROM platform_keys k JOIN usage USING (key_id) ORDER BY k.key_id FOR NO KEY UPDATE OF k
)
UPDATE platform_keys k SET last_used_at = usage.at FROM usage JOIN locked USING (key_id)
WHERE k.key_id = usage.key_id AND (k.last_used_at IS NULL OR k.last_used_at < usage.at);

-- name: list_stale_people_counts
-- List the campaigns with a batch since their last people count, or in the minute before it: a
-- batch gets its timestamp before it commits, so a count can miss it.
SELECT c.campaign_id FROM campaigns c
LEFT JOIN people_counts p USING (campaign_id)
WHERE EXISTS (
    SELECT FROM like_batches b
    WHERE b.campaign_id = c.campaign_id AND b.recorded_at > coalesce(p.as_of - interval '1 minute', '-infinity')
)
ORDER BY campaign_id;

-- name: count_people
-- Store the number of different people with a counted like; scans the likes of the campaign once.
INSERT INTO people_counts (campaign_id, people, as_of)
SELECT $1, count(*), $2 FROM (SELECT DISTINCT person FROM likes WHERE campaign_id = $1 AND state = 'counted') counted
ON CONFLICT (campaign_id) DO UPDATE SET people = excluded.people, as_of = excluded.as_of;

-- name: lock_person_batches
-- Lock the batches that contain likes of a person, and return what their nonces derive from and the
-- positions of the likes.
SELECT b.batch_id, b.bucket, b.nonce_key, b.nonces, b.receipt_digests, b.positions, b.leaves,
    ARRAY(
        SELECT l.position FROM likes l
        WHERE l.campaign_id = $1 AND l.person = $2 AND l.batch_id = b.batch_id AND l.bucket = b.bucket
    ) AS person_positions
FROM like_batches b
WHERE (b.batch_id, b.bucket) IN (SELECT batch_id, bucket FROM likes WHERE campaign_id = $1 AND person = $2)
ORDER BY b.batch_id FOR NO KEY UPDATE;

-- name: list_person_contents
-- List the contents of a person's likes.
SELECT content FROM likes WHERE campaign_id = $1 AND person = $2;

-- name: insert_tombstones
-- Insert the tombstones of likes, sorted by digest: their order on disk says nothing of the likes.
INSERT INTO like_tombstones (campaign_id, bucket, digest)
SELECT $1, $2, n.digest FROM unnest($3::bytea[]) AS n (digest) ORDER BY n.digest
ON CONFLICT DO NOTHING;

-- name: find_tombstones
-- Find the tombstones among the digests of a batch; returns their indexes, from 1.
SELECT k.position::integer FROM unnest($3::bytea[]) WITH ORDINALITY AS k (digest, position)
CROSS JOIN LATERAL (
    SELECT FROM like_tombstones WHERE campaign_id = $1 AND digest = k.digest AND bucket = $2 LIMIT 1
) t;

-- name: store_nonces
-- Store the remaining nonces of a batch with the digests of the erased likes' receipts, and delete
-- the key that derives all nonces.
UPDATE like_batches SET nonce_key = NULL, nonces = $3, receipt_digests = $4 WHERE batch_id = $1 AND bucket = $2;

-- name: anonymise_likes
-- Move the likes of a person to a pseudonym that nobody can derive.
UPDATE likes SET person = $3 WHERE campaign_id = $1 AND person = $2;

-- name: anonymise_person_days
-- Move the days of a person to a pseudonym that nobody can derive.
UPDATE person_days SET person = $3 WHERE campaign_id = $1 AND person = $2;

-- name: anonymise_verdicts
-- Move the verdicts about a person's likes to a pseudonym that nobody can derive.
UPDATE verdicts SET person = $3 WHERE campaign_id = $1 AND person = $2;

-- name: anonymise_case_likes
-- Move a person's likes of cases to a pseudonym that nobody can derive.
UPDATE case_likes SET person = $3 WHERE campaign_id = $1 AND person = $2;

-- name: anonymise_appeals
-- Move the appeals about a person's likes to a pseudonym that nobody can derive, without their words.
UPDATE appeals SET person = $3, message = '(erased)' WHERE campaign_id = $1 AND person = $2;

-- name: lock_person_observations
-- Lock the observations that contain a person: the pseudonym stands in them as it is. None of their
-- events is earlier than their likes.
SELECT o.batch_id, o.bucket, o.recorded_at, o.packed
FROM observations o
WHERE o.campaign_id = $1 AND position($2::bytea IN o.packed) > 0
    AND o.last_at >= (SELECT min(event_at) FROM likes WHERE campaign_id = $1 AND person = $2)
ORDER BY o.batch_id, o.bucket, o.recorded_at FOR UPDATE OF o;

-- name: store_observations
-- Store what is left of a batch's observations after an erasure.
UPDATE observations SET packed = $4, likes = $5 WHERE batch_id = $1 AND bucket = $2 AND recorded_at = $3;

-- name: delete_observations
-- Delete a batch's observations: an erasure left none.
DELETE FROM observations WHERE batch_id = $1 AND bucket = $2 AND recorded_at = $3;
