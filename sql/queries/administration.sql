-- name: add_token
-- Null where the name has a token already.
INSERT INTO tokens (digest, name, role, made_at, expires_at, made_by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING name;

-- name: find_token
-- Whose token it is, and what they may do.
SELECT name, role FROM tokens WHERE digest = $1 AND dropped_at IS NULL AND (expires_at IS NULL OR expires_at > $2);

-- name: lock_tokens
-- One change of tokens at a time: two owners cannot remove each other at once.
SELECT pg_advisory_xact_lock(72, 4);

-- name: drop_expired_token
-- A name whose token has expired may have another.
UPDATE tokens SET dropped_at = $2 WHERE name = $1 AND dropped_at IS NULL AND expires_at <= $2;

-- name: drop_token
-- The token of a name holds no longer.
UPDATE tokens SET dropped_at = $2 WHERE name = $1 AND dropped_at IS NULL RETURNING role;

-- name: live_token
-- The token of a name, if it holds.
SELECT name, role, made_at, made_by, expires_at FROM tokens
WHERE name = $1 AND dropped_at IS NULL AND (expires_at IS NULL OR expires_at > $2);

-- name: other_owners
-- How many tokens of owners hold beside that of a name.
SELECT count(*) FROM tokens
WHERE role = 'owner' AND name <> $1 AND dropped_at IS NULL AND (expires_at IS NULL OR expires_at > $2);

-- name: list_tokens
-- Every token that was ever made, by name; after a name and moment, so many.
SELECT name, role, made_at, made_by, expires_at, dropped_at FROM tokens
WHERE ($1::text IS NULL OR (name, made_at) > ($1::text, $2::timestamptz))
ORDER BY name, made_at LIMIT $3;

-- name: add_session
-- Signed in.
INSERT INTO sessions (digest, name, role, token_digest, made_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: find_session
-- Whose session it is; one that a token began ends with the token.
SELECT s.name, s.role FROM sessions s LEFT JOIN tokens t ON t.digest = s.token_digest
WHERE s.digest = $1 AND s.ended_at IS NULL AND s.ends_at > $2
    AND (s.token_digest IS NULL OR (t.dropped_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)));

-- name: end_session
-- Signed out.
UPDATE sessions SET ended_at = $2 WHERE digest = $1 AND ended_at IS NULL;

-- name: list_sessions
-- Who is signed in at a moment, by name and role; after those, so many. The name in $5 is that of the settings' token.
SELECT name, role, count(*)::int AS sessions,
    (count(*) FILTER (WHERE token_digest IS NULL AND name <> $5))::int AS sessions_by_openid,
    max(made_at) AS made_at, max(ends_at) AS ends_at
FROM sessions
WHERE ended_at IS NULL AND ends_at > $1 AND ($2::text IS NULL OR (name, role) > ($2::text, $3::text))
GROUP BY name, role ORDER BY name, role LIMIT $4;

-- name: end_sessions_of
-- All of somebody's; each one's role.
UPDATE sessions SET ended_at = $2 WHERE name = $1 AND ended_at IS NULL AND ends_at > $2 RETURNING role;

-- name: forget_sessions
-- Those that ended before a moment.
DELETE FROM sessions WHERE ends_at < $1;

-- name: claim_answer
-- Waits for another who uses the same key at this moment; null where it was used before.
INSERT INTO admin_answers (name, key, digest, made_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING key;

-- name: known_answer
-- What was answered to the key before.
SELECT digest, answer FROM admin_answers WHERE name = $1 AND key = $2;

-- name: keep_answer
-- In the transaction that claimed the key.
UPDATE admin_answers SET answer = $3 WHERE name = $1 AND key = $2;

-- name: forget_answers
-- Those of before a moment.
DELETE FROM admin_answers WHERE made_at < $1;

-- name: add_audit
-- One line of the audit.
INSERT INTO audit (at, by, role, door, address, command, subject, before, after, proposal_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING audit_id;

-- name: list_audit
-- Newest first, before an id; every filter may be null.
SELECT audit_id, at, by, role, door, address, command, subject, before, after, proposal_id FROM audit
WHERE ($1::bigint IS NULL OR audit_id < $1)
    AND ($3::text IS NULL OR by = $3) AND ($4::text IS NULL OR command = $4)
    AND ($5::text IS NULL OR subject = $5) AND ($6::timestamptz IS NULL OR at >= $6)
    AND ($7::timestamptz IS NULL OR at < $7)
    AND ($8::text IS NULL OR starts_with(subject, $8)) AND ($9::text IS NULL OR proposal_id = $9)
    AND ($10::text IS NULL OR strpos(lower(concat_ws(' ', subject, before, after)), lower($10)) > 0)
ORDER BY audit_id DESC LIMIT $2;

-- name: add_proposal
-- What waits for a second person.
INSERT INTO proposals (proposal_id, command, place, body, subject, reason, currency, before, after, hash, hold_seconds,
    asked_by, asked_role, asked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: add_proposal_step
-- Null where another took that step meanwhile.
INSERT INTO proposal_steps (proposal_id, number, state, by, reason, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING number;

-- name: lock_proposal
-- One decision about a proposal at a time.
SELECT pg_advisory_xact_lock(hashtextextended('proposal ' || $1, 72));

-- name: find_proposal
-- A proposal and where it is.
SELECT p.*, s.number, s.state, s.by, s.reason AS said, s.at FROM proposals p
CROSS JOIN LATERAL (
    SELECT * FROM proposal_steps WHERE proposal_id = p.proposal_id ORDER BY number DESC LIMIT 1
) s WHERE p.proposal_id = $1;

-- name: list_proposals
-- Newest first, before a moment and id; the filters may be null.
SELECT p.*, s.number, s.state, s.by, s.reason AS said, s.at FROM proposals p
CROSS JOIN LATERAL (
    SELECT * FROM proposal_steps WHERE proposal_id = p.proposal_id ORDER BY number DESC LIMIT 1
) s
WHERE ($1::timestamptz IS NULL OR (p.asked_at, p.proposal_id) < ($1, $2))
    AND ($4::text IS NULL OR s.state = $4) AND ($5::text IS NULL OR p.subject = $5)
    AND ($6::text IS NULL OR p.asked_by = $6)
ORDER BY p.asked_at DESC, p.proposal_id DESC LIMIT $3;

-- name: proposals_to_do
-- Approved, and their hold is over.
SELECT p.proposal_id FROM proposals p
CROSS JOIN LATERAL (
    SELECT * FROM proposal_steps WHERE proposal_id = p.proposal_id ORDER BY number DESC LIMIT 1
) s
WHERE s.state = 'approved' AND s.at + make_interval(secs => p.hold_seconds) <= $1
ORDER BY s.at LIMIT 100;

-- name: proposals_watch
-- Since when the oldest proposal waits for a second person, and since when the oldest approved one could have been done.
SELECT
    min(s.at) FILTER (WHERE s.state = 'waits') AS waiting_since,
    min(s.at + make_interval(secs => p.hold_seconds)) FILTER (
        WHERE s.state = 'approved' AND s.at + make_interval(secs => p.hold_seconds) <= $1
    ) AS due_since
FROM proposals p
CROSS JOIN LATERAL (
    SELECT * FROM proposal_steps WHERE proposal_id = p.proposal_id ORDER BY number DESC LIMIT 1
) s;
