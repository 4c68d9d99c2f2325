-- The hash of every leaf of the log (RFC 6962, 2.1) is in its tile, and every hash of level 0 has
-- its leaf.
-- scans: leaf_queue
WITH stored AS (
    SELECT t.tile_index * 256 + n.position AS leaf_index,
        substring(t.hashes FROM n.position * 32 + 1 FOR 32) AS leaf_hash
    FROM log_tiles t
    CROSS JOIN LATERAL generate_series(0, length(t.hashes) / 32 - 1) AS n (position)
    WHERE t.level = 0
)
SELECT coalesce(q.leaf_index, s.leaf_index) AS leaf_index, q.subject
FROM (SELECT leaf_index, subject, body FROM leaf_queue WHERE leaf_index IS NOT NULL) q
FULL JOIN stored s ON s.leaf_index = q.leaf_index
WHERE sha256('\x00'::bytea || q.body) IS DISTINCT FROM s.leaf_hash
ORDER BY leaf_index;
