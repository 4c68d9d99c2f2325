-- Each head of the log extends the previous one, never earlier, and belongs to a log with a key.
SELECT
    h.size, h.previous_size, h.sequenced_at, previous.size AS size_expected, previous.sequenced_at AS previous_sequenced_at
FROM log_heads h
LEFT JOIN LATERAL (
    SELECT size, sequenced_at FROM log_heads p WHERE p.size < h.size ORDER BY p.size DESC LIMIT 1
) previous ON true
WHERE h.previous_size IS DISTINCT FROM previous.size
    OR h.sequenced_at < previous.sequenced_at
    OR previous.size IS NULL AND (h.size, h.root) IS DISTINCT FROM (0::bigint, sha256(''))
    OR NOT EXISTS (SELECT FROM log_identity)
ORDER BY h.size;
