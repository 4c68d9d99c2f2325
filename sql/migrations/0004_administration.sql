-- Administration: who did what, what waits for a second person, and answers that are given once.

ALTER TABLE tokens ADD COLUMN expires_at timestamptz, ADD COLUMN made_by text NOT NULL DEFAULT 'command line';

-- Signed in by a browser: of the session's cookie, too, only the SHA-256 is kept.
CREATE TABLE sessions (
    digest       bytea PRIMARY KEY,
    name         text  NOT NULL,
    role         text  NOT NULL,
    token_digest bytea REFERENCES tokens,  -- null: signed in by OpenID Connect
    made_at      timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    ended_at     timestamptz,
    CONSTRAINT sessions_digest_is_sha256 CHECK (length(digest) = 32),
    CONSTRAINT sessions_role_is_known CHECK (role IN ('campaigns', 'finance', 'reviewer', 'auditor', 'owner')),
    CONSTRAINT sessions_name_is_bounded CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT sessions_end CHECK (ends_at > made_at)
);
CREATE INDEX sessions_by_end ON sessions (ends_at);

-- What was answered to an Idempotency-Key; nothing that is shown once stands in it.
CREATE TABLE admin_answers (
    name     text  NOT NULL,  -- whose key it is
    key      text  NOT NULL,
    digest   bytea NOT NULL,  -- of the command, what it is about and the body
    answer   bytea,           -- null only within the transaction that makes it
    made_at  timestamptz NOT NULL,
    PRIMARY KEY (name, key),
    CONSTRAINT admin_answers_key_is_bounded CHECK (length(key) BETWEEN 1 AND 200 AND length(name) BETWEEN 1 AND 100),
    CONSTRAINT admin_answers_digest_is_sha256 CHECK (length(digest) = 32)
);
CREATE INDEX admin_answers_by_time ON admin_answers USING brin (made_at);

-- What was asked for and waits for a second person.
CREATE TABLE proposals (
    proposal_id text  PRIMARY KEY,
    command     text  NOT NULL,
    place       text  NOT NULL,  -- what the command is about, as its address names it
    body        text  NOT NULL,  -- RFC 8785 JSON of what was asked for
    subject     text  NOT NULL,
    reason      text  NOT NULL,  -- why it takes a second person
    currency    text  NOT NULL,
    before      text,            -- RFC 8785 JSON
    after       text,
    hash        bytea NOT NULL,  -- of all that would change: what an approval names
    hold_seconds integer NOT NULL,  -- from the approval until it is done
    asked_by    text  NOT NULL,
    asked_role  text  NOT NULL,
    asked_at    timestamptz NOT NULL,
    CONSTRAINT proposals_hash_is_sha256 CHECK (length(hash) = 32),
    CONSTRAINT proposals_hold_is_bounded CHECK (hold_seconds BETWEEN 0 AND 2592000),
    CONSTRAINT proposals_are_bounded CHECK (
        length(body) <= 70000 AND length(before) <= 200000 AND length(after) <= 200000
        AND length(asked_by) BETWEEN 1 AND 100 AND length(place) <= 200 AND length(subject) <= 300
    )
);

-- A proposal's life, one row a step; the newest says where it is. Two who would take the same step collide on its number.
CREATE TABLE proposal_steps (
    proposal_id text    NOT NULL REFERENCES proposals,
    number      integer NOT NULL,
    state       text    NOT NULL,
    by          text    NOT NULL,
    reason      text,
    at          timestamptz NOT NULL,
    PRIMARY KEY (proposal_id, number),
    CONSTRAINT proposal_steps_are_numbered_from_one CHECK (number > 0),
    CONSTRAINT proposal_steps_state_is_known
        CHECK (state IN ('waits', 'approved', 'done', 'refused', 'withdrawn', 'failed')),
    CONSTRAINT proposal_steps_are_bounded CHECK (length(by) BETWEEN 1 AND 100 AND length(reason) BETWEEN 1 AND 500)
);

-- Who did what, when, from where; what was so before and after.
CREATE TABLE audit (
    audit_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    by          text NOT NULL,
    role        text NOT NULL,
    door        text NOT NULL,
    address     text NOT NULL,
    command     text NOT NULL,
    subject     text NOT NULL,
    before      text,  -- JSON
    after       text,
    proposal_id text REFERENCES proposals,
    CONSTRAINT audit_is_bounded CHECK (
        length(by) BETWEEN 1 AND 100 AND length(role) BETWEEN 1 AND 40 AND length(address) <= 100
        AND length(command) BETWEEN 1 AND 60 AND length(subject) <= 300
        AND length(before) <= 200000 AND length(after) <= 200000
    ),
    CONSTRAINT audit_door_is_known CHECK (door IN ('http', 'page', 'command line', 'schedule'))
);
CREATE INDEX audit_by_subject ON audit (subject, audit_id);
CREATE INDEX audit_by_person ON audit (by, audit_id);

CREATE TRIGGER proposals_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proposals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER proposal_steps_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proposal_steps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
