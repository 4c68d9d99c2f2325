-- name: try_lock_sequencer
-- Try to become the only sequencer until the transaction ends; false if another one runs.
SELECT pg_try_advisory_xact_lock(hashtextextended('like-ledger/log', 0));

-- name: find_log_identity
-- Find the verifier key of the log in this database; no row before the log exists.
SELECT verifier_key FROM log_identity;

-- name: add_log_identity
-- Insert the verifier key once. Waits for a transaction that inserts one, which then wins.
INSERT INTO log_identity (verifier_key) VALUES ($1) ON CONFLICT (only_row) DO NOTHING;

-- name: add_empty_head
-- Insert the head of the empty tree, the first head of every log.
INSERT INTO log_heads (size, root, sequenced_at) VALUES (0, $1, $2) ON CONFLICT (size) DO NOTHING;

-- name: find_newest_head
-- Find the newest head, signed or not.
SELECT size, root, sequenced_at, checkpoint FROM log_heads ORDER BY size DESC LIMIT 1;

-- name: list_unsequenced_leaves
-- List the oldest leaves without an index, and all other leaves of their transactions: no
-- transaction is split.
SELECT leaf_id, body FROM leaf_queue
WHERE leaf_index IS NULL AND queued_in IN (
    SELECT queued_in FROM leaf_queue WHERE leaf_index IS NULL ORDER BY leaf_id LIMIT $1
)
ORDER BY leaf_id;

-- name: assign_leaf_indexes
-- Assign consecutive indexes to leaves in the order of the array, once for ever.
UPDATE leaf_queue q SET leaf_index = $2 + n.position - 1
FROM unnest($1::bigint[]) WITH ORDINALITY AS n (leaf_id, position)
WHERE q.leaf_id = n.leaf_id AND q.leaf_index IS NULL;

-- name: upsert_tiles
-- Insert new tiles and widen existing ones; a trigger refuses any other change.
INSERT INTO log_tiles (level, tile_index, hashes) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])
ON CONFLICT (level, tile_index) DO UPDATE SET hashes = excluded.hashes;

-- name: add_head
-- Insert the next head: the commit point. A constraint extends each head once, so of two writers
-- one fails here.
INSERT INTO log_heads (size, root, previous_size, sequenced_at)
SELECT $2, $3, p.size, greatest($4, p.sequenced_at) FROM log_heads p WHERE p.size = $1;

-- name: set_checkpoint
-- Store the checkpoint of a durable head, once.
UPDATE log_heads SET checkpoint = $2 WHERE size = $1 AND checkpoint IS NULL;

-- name: find_newest_checkpoint
-- Find the newest checkpoint and its cosignature lines, earliest first.
SELECT h.size, h.root, h.checkpoint, h.sequenced_at,
    (SELECT string_agg(c.line, '' ORDER BY c.stored_at, c.witness_key) FROM log_cosignatures c WHERE c.size = h.size)
        AS cosignatures
FROM log_heads h WHERE h.checkpoint IS NOT NULL ORDER BY h.size DESC LIMIT 1;

-- name: find_covering_checkpoint
-- Find the newest checkpoint if it covers every leaf that this transaction sees; no row otherwise.
SELECT h.size, h.root FROM log_heads h
WHERE h.checkpoint IS NOT NULL AND h.size = (SELECT max(size) FROM log_heads)
    AND NOT EXISTS (SELECT FROM leaf_queue WHERE leaf_index IS NULL);

-- name: list_tile_hashes
-- List tiles at the requested widths; a tile that is still narrower is left out.
SELECT t.level, t.tile_index, substring(t.hashes FOR k.width * 32) AS hashes
FROM unnest($1::smallint[], $2::bigint[], $3::integer[]) AS k (level, tile_index, width)
JOIN log_tiles t ON t.level = k.level AND t.tile_index = k.tile_index AND length(t.hashes) >= k.width * 32;

-- name: list_entries
-- List the leaf bodies from one index up to, but without, another.
SELECT body FROM leaf_queue WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index;

-- name: list_tiles_of_level
-- List the tiles of a level in order, each with its hash in the level above.
SELECT t.tile_index, t.hashes, substring(a.hashes FROM (t.tile_index % 256 * 32 + 1)::integer FOR 32) AS parent_hash
FROM log_tiles t
LEFT JOIN log_tiles a ON a.level = t.level + 1 AND a.tile_index = t.tile_index / 256
WHERE t.level = $1 ORDER BY t.tile_index;

-- name: enqueue_leaf
-- Queue a leaf in the transaction that it describes.
INSERT INTO leaf_queue (kind, subject, body) VALUES ($1, $2, $3);

-- name: find_witness_status
-- Find the newest cosigned size of a witness, its last fault, whether it may be asked now, and
-- since when it lags.
SELECT c.size AS cosigned_size, w.fault, coalesce(w.next_at <= $2, true) AS is_free, n.size AS newest_size,
    (
        SELECT h.sequenced_at FROM log_heads h
        WHERE h.size > coalesce(c.size, 0) AND h.checkpoint IS NOT NULL ORDER BY h.size LIMIT 1
    ) AS lagging_since
FROM (SELECT coalesce(max(size), 0) AS size FROM log_heads WHERE checkpoint IS NOT NULL) n
LEFT JOIN log_witnesses w ON w.witness_key = $1
LEFT JOIN LATERAL (
    SELECT size FROM log_cosignatures s WHERE s.witness_key = $1 ORDER BY s.size DESC LIMIT 1
) c ON true;

-- name: claim_witness
-- Claim the right to ask a witness until $3. No row if another instance asks it, or if it pauses
-- after a fault.
INSERT INTO log_witnesses AS w (witness_key, known_size, next_at) VALUES ($1, 0, $3)
ON CONFLICT (witness_key) DO UPDATE SET next_at = excluded.next_at WHERE w.next_at <= $2
RETURNING w.known_size;

-- name: release_witness
-- Store the size that a witness has seen, when it may be asked again, and the fault of its
-- response.
UPDATE log_witnesses SET known_size = $2, next_at = $3, fault = left($4, 500) WHERE witness_key = $1;

-- name: add_cosignature
-- Insert a verified cosignature, once.
INSERT INTO log_cosignatures (witness_key, size, line, stored_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (witness_key, size) DO NOTHING;

-- name: list_account_salts
-- List the salts of account numbers.
SELECT number, salt FROM account_salts WHERE number = ANY($1::text[]);

-- name: add_account_salts
-- Insert salts of account numbers, in the order of the array so that two transactions never
-- deadlock. A number keeps the salt that it has.
INSERT INTO account_salts (number, salt) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT (number) DO NOTHING;

-- name: find_succession
-- Find the size of the head that a succeeded log was last known to have.
SELECT size FROM log_successions WHERE verifier_key = $1;

-- name: find_succeeded_key
-- Find the key of the log that a log succeeded.
SELECT verifier_key FROM log_successions WHERE successor_key = $1;

-- name: lock_log
-- Lock the log alone until the transaction ends: nothing is queued, appended or signed meanwhile.
LOCK TABLE leaf_queue, log_heads, log_tiles, log_identity, log_cosignatures, log_witnesses IN ACCESS EXCLUSIVE MODE;

-- name: unlock_log_history
-- Let the database's owner change the log's tables in this transaction.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['leaf_queue', 'log_identity', 'log_heads', 'log_tiles', 'log_cosignatures'] LOOP
        EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', name);
    END LOOP;
END $$;

-- name: lock_log_history
-- Guard the log's tables again.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['leaf_queue', 'log_identity', 'log_heads', 'log_tiles', 'log_cosignatures'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', name);
    END LOOP;
END $$;

-- name: requeue_leaves
-- Queue every leaf of the log again, in its order and before all leaves that wait. What one head
-- appended stays together.
UPDATE leaf_queue q SET
    leaf_id = b.first_id - b.size + q.leaf_index,
    queued_in = ((b.group_number + h.size)::text)::xid8,
    leaf_index = NULL
FROM (
    SELECT least(min(leaf_id), 1) AS first_id, coalesce(max(leaf_index) + 1, 0) AS size,
        4611686018427387904 AS group_number  -- beyond every transaction's id
    FROM leaf_queue
) b, log_heads h
WHERE q.leaf_index >= h.previous_size AND q.leaf_index < h.size;

-- name: empty_log
-- Delete tiles, heads and cosignatures; the leaves are queued.
TRUNCATE log_cosignatures, log_witnesses, log_tiles, log_heads;

-- name: replace_log_identity
-- Store the key of the successor.
UPDATE log_identity SET verifier_key = $1;

-- name: add_succession
-- Insert the log that is succeeded.
INSERT INTO log_successions (verifier_key, successor_key, size, root, kept_size, succeeded_at)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: list_old_terms
-- List the leaves of terms, in order, with their indexes in the log.
SELECT leaf_id, leaf_index, body FROM leaf_queue WHERE kind = 'terms' ORDER BY leaf_id;

-- name: replace_leaf_body
-- Replace the bytes of a leaf that the successor must not show.
UPDATE leaf_queue SET body = $2 WHERE leaf_id = $1;

-- name: add_first_leaf
-- Queue a leaf before all others.
INSERT INTO leaf_queue (leaf_id, kind, subject, body, queued_in)
SELECT least(min(leaf_id), 1) - 1, $1, $2, $3, '4611686018427387904'::xid8 FROM leaf_queue;

-- name: count_leaves
-- Count all leaves, in the log and in the queue.
SELECT count(*) FROM leaf_queue;
