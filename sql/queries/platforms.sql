-- name: add_platform
-- Null where the name is taken already.
INSERT INTO platforms (name) VALUES ($1) ON CONFLICT ON CONSTRAINT platforms_are_named_once DO NOTHING
RETURNING platform_id;

-- name: find_platform
-- A sender by its name.
SELECT platform_id FROM platforms WHERE name = $1;

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
