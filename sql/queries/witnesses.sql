-- name: witness_standing
-- What a witness has cosigned last, whether it may be asked now, why it did not cosign, and the first checkpoint that it owes.
SELECT c.size AS cosigned_size, w.fault, coalesce(w.next_at <= $2, true) AS is_free, n.size AS newest_size,
    (
        SELECT h.sequenced_at FROM log_heads h
        WHERE h.size > coalesce(c.size, 0) AND h.checkpoint IS NOT NULL ORDER BY h.size LIMIT 1
    ) AS owes_since
FROM (SELECT coalesce(max(size), 0) AS size FROM log_heads WHERE checkpoint IS NOT NULL) n
LEFT JOIN log_witnesses w ON w.witness_key = $1
LEFT JOIN LATERAL (
    SELECT size FROM log_cosignatures s WHERE s.witness_key = $1 ORDER BY s.size DESC LIMIT 1
) c ON true;

-- name: claim_witness
-- The witness is the caller's to ask until $3; no row where another asks it, or it is left in peace after a fault.
INSERT INTO log_witnesses AS w (witness_key, known_size, next_at) VALUES ($1, 0, $3)
ON CONFLICT (witness_key) DO UPDATE SET next_at = excluded.next_at WHERE w.next_at <= $2
RETURNING w.known_size;

-- name: release_witness
-- It was asked: what it has seen, when it may be asked again, and what was wrong with its answer.
UPDATE log_witnesses SET known_size = $2, next_at = $3, fault = left($4, 500) WHERE witness_key = $1;

-- name: keep_cosignature
-- A verified cosignature, once.
INSERT INTO log_cosignatures (witness_key, size, line, kept_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (witness_key, size) DO NOTHING;
