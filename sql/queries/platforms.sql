-- name: add_platform
-- Null where the name is taken already.
INSERT INTO platforms (name) VALUES ($1) ON CONFLICT ON CONSTRAINT platforms_are_named_once DO NOTHING
RETURNING platform_id;

-- name: find_platform
-- A sender by its name, also one that is disabled.
SELECT platform_id, disabled_at FROM platforms WHERE name = $1;

-- name: add_platform_key
-- A salt for v1, a public key for v1a.
INSERT INTO platform_keys (platform_id, scheme, salt, public_key) VALUES ($1, $2, $3, $4);

-- name: drop_old_keys
-- Of each scheme the newest holds on.
UPDATE platform_keys k SET dropped_at = clock_timestamp()
WHERE platform_id = $1 AND dropped_at IS NULL AND EXISTS (
    SELECT FROM platform_keys newer
    WHERE newer.platform_id = k.platform_id AND newer.scheme = k.scheme AND newer.key_id > k.key_id
);

-- name: keys_that_hold
-- The schemes of a platform's live keys, oldest first.
SELECT scheme FROM platform_keys WHERE platform_id = $1 AND dropped_at IS NULL ORDER BY key_id;

-- name: disable_platform
-- From a moment on; null: no longer.
UPDATE platforms SET disabled_at = $2 WHERE platform_id = $1;

-- name: page_of_platforms
-- By name, after one, so many; each live key, newest first, in three columns.
SELECT
    p.name, p.added_at, p.disabled_at,
    array_remove(array_agg(k.scheme ORDER BY k.key_id DESC), NULL) AS schemes,
    array_agg(k.added_at ORDER BY k.key_id DESC) AS since,
    array_agg(k.last_used_at ORDER BY k.key_id DESC) AS used
FROM platforms p
LEFT JOIN platform_keys k ON k.platform_id = p.platform_id AND k.dropped_at IS NULL
WHERE $1::text IS NULL OR p.name > $1
GROUP BY p.platform_id ORDER BY p.name LIMIT $2;

-- name: keep_key_use
-- When keys last verified a delivery: only forward, and locked in order, so that two instances do not meet crosswise.
WITH used AS (
    SELECT n.key_id, n.at FROM unnest($1::integer[], $2::timestamptz[]) AS n (key_id, at)
), locked AS (
    SELECT k.key_id FROM platform_keys k JOIN used USING (key_id) ORDER BY k.key_id FOR NO KEY UPDATE OF k
)
UPDATE platform_keys k SET last_used_at = used.at FROM used JOIN locked USING (key_id)
WHERE k.key_id = used.key_id AND (k.last_used_at IS NULL OR k.last_used_at < used.at);
