-- name: own_sequencing
-- One sequencer at a time, until its transaction ends; false: another is at it.
SELECT pg_try_advisory_xact_lock(hashtextextended('like-ledger/log', 0));

-- name: log_identity
-- The verifier key of the log that this database holds; none before the log is made.
SELECT verifier_key FROM log_identity;

-- name: make_log_identity
-- Once: another transaction that makes it is waited for, and keeps its own.
INSERT INTO log_identity (verifier_key) VALUES ($1) ON CONFLICT (only_row) DO NOTHING;

-- name: begin_log
-- The empty tree, from which everything grows.
INSERT INTO log_heads (size, root, sequenced_at) VALUES (0, $1, $2) ON CONFLICT (size) DO NOTHING;

-- name: newest_head
-- What the log has committed to, signed yet or not.
SELECT size, root, sequenced_at, checkpoint FROM log_heads ORDER BY size DESC LIMIT 1;

-- name: waiting_leaves
-- The oldest leaves without a place, and whatever else their transactions queued: none is cut in two.
SELECT leaf_id, body FROM leaf_queue
WHERE leaf_index IS NULL AND queued_in IN (
    SELECT queued_in FROM leaf_queue WHERE leaf_index IS NULL ORDER BY leaf_id LIMIT $1
)
ORDER BY leaf_id;

-- name: place_leaves
-- Places in the order given, each once for ever.
UPDATE leaf_queue q SET leaf_index = $2 + n.place - 1
FROM unnest($1::bigint[]) WITH ORDINALITY AS n (leaf_id, place)
WHERE q.leaf_id = n.leaf_id AND q.leaf_index IS NULL;

-- name: widen_tiles
-- New tiles, and such as get wider; a trigger refuses any other change.
INSERT INTO log_tiles (level, tile_index, hashes) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])
ON CONFLICT (level, tile_index) DO UPDATE SET hashes = excluded.hashes;

-- name: extend_log
-- The commit point: that each head is extended once is a constraint, so of two writers one loses here at the latest.
INSERT INTO log_heads (size, root, previous_size, sequenced_at)
SELECT $2, $3, p.size, greatest($4, p.sequenced_at) FROM log_heads p WHERE p.size = $1;

-- name: sign_head
-- A durable head gets its checkpoint, once.
UPDATE log_heads SET checkpoint = $2 WHERE size = $1 AND checkpoint IS NULL;

-- name: newest_checkpoint
-- What the log has signed last, and the lines of those who cosigned it, who came first before the others.
SELECT h.size, h.root, h.checkpoint, h.sequenced_at,
    (SELECT string_agg(c.line, '' ORDER BY c.kept_at, c.witness_key) FROM log_cosignatures c WHERE c.size = h.size) AS cosigned
FROM log_heads h WHERE h.checkpoint IS NOT NULL ORDER BY h.size DESC LIMIT 1;

-- name: covering_checkpoint
-- The newest checkpoint, if the log has everything that this transaction sees; none otherwise.
SELECT h.size, h.root FROM log_heads h
WHERE h.checkpoint IS NOT NULL AND h.size = (SELECT max(size) FROM log_heads)
    AND NOT EXISTS (SELECT FROM leaf_queue WHERE leaf_index IS NULL);

-- name: tile_hashes
-- Tiles as wide as they are asked for; one that is narrower is none.
SELECT t.level, t.tile_index, substring(t.hashes FOR k.width * 32) AS hashes
FROM unnest($1::smallint[], $2::bigint[], $3::integer[]) AS k (level, tile_index, width)
JOIN log_tiles t ON t.level = k.level AND t.tile_index = k.tile_index AND length(t.hashes) >= k.width * 32;

-- name: entries
-- Leaves by their places, from one on, without another.
SELECT body FROM leaf_queue WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index;

-- name: tiles_of_level
-- A level's tiles in order, each with what the level above says that it hashes to.
SELECT t.tile_index, t.hashes, substring(a.hashes FROM (t.tile_index % 256 * 32 + 1)::integer FOR 32) AS above
FROM log_tiles t
LEFT JOIN log_tiles a ON a.level = t.level + 1 AND a.tile_index = t.tile_index / 256
WHERE t.level = $1 ORDER BY t.tile_index;
