-- name: list_like_statuses
-- List likes with their verdicts, and what their receipts derive from; `number` is the index in the
-- arrays, from 1. Every look-up goes key by key through an index.
SELECT n.number::integer, l.state::text AS state, l.day, l.verdict::text AS verdict, l.is_suspect,
    v.families, v.rules, v.ruleset, v.stage, v.decided_by, v.decided_at, l.batch_id, l.position,
    CASE WHEN l.day IS NOT NULL AND l.lacks_leaf IS NOT true THEN b.nonce_key END AS nonce_key,
    CASE WHEN l.day IS NOT NULL AND l.lacks_leaf IS NOT true THEN b.nonces END AS nonces
FROM unnest($3::text[], $4::bytea[]) WITH ORDINALITY AS n (content, person, number)
CROSS JOIN LATERAL (
    SELECT * FROM likes
    WHERE campaign_id = $1 AND bucket = $2 AND content = n.content AND person = n.person LIMIT 1
) l
LEFT JOIN LATERAL (
    SELECT * FROM verdicts
    WHERE campaign_id = $1 AND bucket = $2 AND content = n.content AND person = n.person LIMIT 1
) v ON true
LEFT JOIN like_batches b ON b.batch_id = l.batch_id AND b.bucket = l.bucket;
