-- Each head of the log extends the one before it, never earlier than that, and belongs to a log with a key.
SELECT h.size, h.previous_size, h.sequenced_at, before.size AS size_before, before.sequenced_at AS sequenced_before
FROM log_heads h
LEFT JOIN LATERAL (
    SELECT size, sequenced_at FROM log_heads p WHERE p.size < h.size ORDER BY p.size DESC LIMIT 1
) before ON true
WHERE h.previous_size IS DISTINCT FROM before.size
    OR h.sequenced_at < before.sequenced_at
    OR before.size IS NULL AND (h.size, h.root) IS DISTINCT FROM (0::bigint, sha256(''))
    OR NOT EXISTS (SELECT FROM log_identity)
ORDER BY h.size;
