-- Kinds of platforms: some issue their own secrets, which are stored sealed.
-- squawk-ignore-file constraint-missing-not-valid

ALTER TABLE platforms
    ADD COLUMN kind text NOT NULL DEFAULT 'standard',
    ADD COLUMN reactions text [],
    ADD CONSTRAINT platforms_kind_is_bounded CHECK (length(kind) BETWEEN 1 AND 60),
    ADD CONSTRAINT platforms_reactions_are_bounded CHECK (cardinality(reactions) BETWEEN 1 AND 50);

ALTER TABLE platform_keys ADD COLUMN sealed bytea;
-- squawk-ignore ban-drop-constraint
ALTER TABLE platform_keys DROP CONSTRAINT platform_keys_match_their_scheme;
ALTER TABLE platform_keys ADD CONSTRAINT platform_keys_match_their_scheme CHECK (
    (scheme = 'v1' AND length(salt) = 16 AND public_key IS NULL AND sealed IS NULL)
    OR (scheme = 'v1a' AND length(public_key) = 32 AND salt IS NULL AND sealed IS NULL)
    OR (scheme = 'sealed' AND length(sealed) BETWEEN 29 AND 4096 AND salt IS NULL AND public_key IS NULL)
);

-- The likes' own ids at platforms that take a like back by its id.
CREATE TABLE platform_like_ids (
    platform_id integer     NOT NULL REFERENCES platforms,
    digest      bytea       NOT NULL,  -- of the id, keyed
    campaign_id integer,               -- null: the id was taken back before its like came
    content     text,
    person      bytea,
    event_at    timestamptz,
    is_undone   boolean     NOT NULL DEFAULT false,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (platform_id, digest),
    CONSTRAINT platform_like_ids_digest_is_a_hash CHECK (length(digest) = 16),
    CONSTRAINT platform_like_ids_name_a_like_or_are_undone CHECK (
        is_undone OR (campaign_id IS NOT NULL AND content IS NOT NULL AND person IS NOT NULL AND event_at IS NOT NULL)
    )
);
CREATE INDEX platform_like_ids_by_person ON platform_like_ids (campaign_id, person);
CREATE INDEX platform_like_ids_unknown ON platform_like_ids (platform_id, recorded_at) WHERE campaign_id IS NULL;

-- What could not be read of a platform's deliveries: where and why, never a value.
CREATE TABLE unread_events (
    platform_id integer     NOT NULL REFERENCES platforms,
    event       text        NOT NULL,
    reason      text        NOT NULL,
    times       bigint      NOT NULL,
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    PRIMARY KEY (platform_id, event, reason),
    CONSTRAINT unread_events_are_bounded CHECK (length(event) <= 100 AND length(reason) <= 200)
);
