-- name: add_token
-- Insert a token; no row if the name has a live token.
INSERT INTO tokens (digest, name, role, made_at, expires_at, made_by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING name;

-- name: read_role
-- Return the role whose rights apply, `none` for the rights of the login.
SELECT current_setting('role');

-- name: take_login_role
-- Take the rights of the user that logged in until the transaction ends.
SET LOCAL ROLE NONE;

-- name: take_role
-- Take the rights of a role until the transaction ends.
SELECT set_config('role', $1, true);

-- name: find_token
-- Find the name and role of a live token.
SELECT name, role FROM tokens WHERE digest = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2);

-- name: lock_tokens
-- Change tokens one at a time, so that two owners cannot remove each other at once.
SELECT pg_advisory_xact_lock(72, 4);

-- name: revoke_expired_token
-- Revoke the expired token of a name, so that it can have another.
UPDATE tokens SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL AND expires_at <= $2;

-- name: revoke_token
-- Revoke the token of a name and return its role.
UPDATE tokens SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL RETURNING role;

-- name: find_live_token
-- Find the live token of a name.
SELECT name, role, made_at, made_by, expires_at FROM tokens
WHERE name = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2);

-- name: list_live_names
-- List the names that have a live token.
SELECT name FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1);

-- name: count_other_owners
-- Count the live tokens of owners besides that of a name.
SELECT count(*) FROM tokens
WHERE role = 'owner' AND name <> $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2);

-- name: list_tokens
-- List a page of all tokens, also revoked ones, by name.
SELECT name, role, made_at, made_by, expires_at, revoked_at FROM tokens
WHERE ($1::text IS NULL OR (name, made_at) > ($1::text, $2::timestamptz))
ORDER BY name, made_at LIMIT $3;

-- name: add_session
-- Insert a browser session.
INSERT INTO sessions (digest, name, role, token_digest, made_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: find_session
-- Find the name and role of a live session. A session that a token started ends with the token.
SELECT s.name, s.role FROM sessions s LEFT JOIN tokens t ON t.digest = s.token_digest
WHERE s.digest = $1 AND s.ended_at IS NULL AND s.ends_at > $2
    AND (s.token_digest IS NULL OR (t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)));

-- name: end_session
-- End a session.
UPDATE sessions SET ended_at = $2 WHERE digest = $1 AND ended_at IS NULL;

-- name: list_sessions
-- List a page of the people with live sessions, by name and role. $5 is the name of the bootstrap
-- admin.
SELECT name, role, count(*)::int AS sessions,
    (count(*) FILTER (WHERE token_digest IS NULL AND name <> $5))::int AS sessions_by_openid,
    max(made_at) AS made_at, max(ends_at) AS ends_at
FROM sessions
WHERE ended_at IS NULL AND ends_at > $1 AND ($2::text IS NULL OR (name, role) > ($2::text, $3::text))
GROUP BY name, role ORDER BY name, role LIMIT $4;

-- name: end_sessions
-- End all live sessions of a name and return the role of each.
UPDATE sessions SET ended_at = $2 WHERE name = $1 AND ended_at IS NULL AND ends_at > $2 RETURNING role;

-- name: delete_old_sessions
-- Delete the sessions that ended before a moment.
DELETE FROM sessions WHERE ends_at < $1;
