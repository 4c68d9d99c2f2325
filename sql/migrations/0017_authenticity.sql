-- Authenticity: rulesets, observations, verdicts, cases, appeals. Every accepted like has one leaf,
-- and so one receipt, for ever.
-- squawk-ignore-file constraint-missing-not-valid

ALTER TYPE like_state ADD VALUE 'low_quality' AFTER 'over_limit';
CREATE TYPE like_verdict AS ENUM ('held', 'cleared', 'released', 'void');

ALTER TABLE likes
    ADD COLUMN verdict like_verdict,
    ADD COLUMN is_low_quality boolean NOT NULL DEFAULT false,
    ADD COLUMN leaf_at timestamptz,
    ADD COLUMN lacks_leaf boolean;

-- Before, only likes that counted got a leaf.
UPDATE likes l SET lacks_leaf = true
FROM like_batches b
WHERE b.batch_id = l.batch_id AND b.bucket = l.bucket AND l.state <> 'counted' AND l.day IS NOT NULL
    AND NOT l.position = ANY (b.positions);

-- Both tables are small: a scan under their lock is short.
ALTER TABLE day_counts
    ADD COLUMN low_quality bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT day_counts_low_quality_is_not_negative CHECK (low_quality >= 0);

ALTER TABLE terms
    ADD COLUMN quality_from integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT terms_quality_is_a_score CHECK (quality_from BETWEEN 0 AND 100);

-- A campaign without a ruleset is not judged.
CREATE TABLE rulesets (
    campaign_id integer     NOT NULL REFERENCES campaigns,
    version     bigint      NOT NULL,
    file        bytea       NOT NULL,  -- TOML, as it was applied
    body        text        NOT NULL,  -- RFC 8785 JSON, with the defaults written out
    salt        text        NOT NULL,  -- published with the file 90 days after the close
    sha256      bytea       NOT NULL,  -- of the file followed by the salt
    applied_by  text        NOT NULL,
    applied_at  timestamptz NOT NULL,
    live_from   timestamptz,           -- null: its rules only observe
    PRIMARY KEY (campaign_id, version),
    CONSTRAINT rulesets_version_is_positive CHECK (version BETWEEN 1 AND 9007199254740991),
    CONSTRAINT rulesets_salt_is_hexadecimal CHECK (salt ~ '^[0-9a-f]{32}$'),
    CONSTRAINT rulesets_are_bounded CHECK (
        length(file) <= 262144 AND length(body) <= 524288 AND length(sha256) = 32
        AND length(applied_by) BETWEEN 1 AND 100
    )
);

-- What platforms reported around the like events of a batch, packed. Dropped in time by partition.
CREATE TABLE observations (
    campaign_id integer     NOT NULL,
    bucket      smallint    NOT NULL,
    batch_id    bigint      NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    first_at    timestamptz NOT NULL,  -- of the earliest event
    last_at     timestamptz NOT NULL,
    likes       integer     NOT NULL,  -- like events, repeats included
    judged_at   timestamptz,
    packed      bytea       NOT NULL,
    PRIMARY KEY (batch_id, bucket, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE TABLE observations_rest PARTITION OF observations DEFAULT;
CREATE INDEX observations_by_event ON observations (campaign_id, last_at);
CREATE INDEX observations_to_judge ON observations (campaign_id, recorded_at) WHERE judged_at IS NULL;

-- The last judgement of all days that a settlement takes, before it takes them.
CREATE TABLE closing_passes (
    campaign_id  integer     NOT NULL REFERENCES campaigns,
    period       date        NOT NULL,
    cut_off      date        NOT NULL,
    due_at       timestamptz NOT NULL,  -- observations of earlier events were read
    ruleset      bigint      NOT NULL,
    likes        bigint      NOT NULL,
    held_likes   bigint      NOT NULL,
    digest       bytea       NOT NULL,  -- SHA-256 over the verdicts
    not_judged   text        NOT NULL,  -- JSON: platform, day and rule without enough signals
    judged_at    timestamptz NOT NULL,
    PRIMARY KEY (campaign_id, period),
    CONSTRAINT closing_passes_have_a_ruleset FOREIGN KEY (campaign_id, ruleset) REFERENCES rulesets,
    CONSTRAINT closing_passes_digest_is_sha256 CHECK (length(digest) = 32),
    CONSTRAINT closing_passes_count_likes CHECK (held_likes BETWEEN 0 AND likes)
);

-- Findings about the same people or device, as a reviewer sees them.
CREATE TABLE cases (
    case_id     text        PRIMARY KEY,
    campaign_id integer     NOT NULL REFERENCES campaigns,
    ruleset     bigint      NOT NULL,
    rule        text        NOT NULL,
    family      text        NOT NULL,
    is_counting boolean     NOT NULL,  -- its likes count until two people void them
    is_breaker  boolean     NOT NULL DEFAULT false,  -- its days' settlement waits for a decision
    evidence    text        NOT NULL,  -- JSON: counts by name
    opened_at   timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    closed_at   timestamptz,
    outcome     text,
    CONSTRAINT cases_have_a_ruleset FOREIGN KEY (campaign_id, ruleset) REFERENCES rulesets,
    CONSTRAINT cases_outcome_is_known CHECK (outcome IN ('released', 'void', 'cleared')),
    CONSTRAINT cases_are_closed_with_an_outcome CHECK ((closed_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT cases_are_bounded CHECK (length(case_id) <= 40 AND length(evidence) <= 20000)
);
CREATE INDEX cases_open ON cases (campaign_id, due_at) WHERE closed_at IS NULL;

-- The likes of a case. A like belongs to one case at a time.
CREATE TABLE case_likes (
    campaign_id integer  NOT NULL,
    bucket      smallint NOT NULL,
    content     text     NOT NULL,
    person      bytea    NOT NULL,
    day         date     NOT NULL,
    case_id     text     NOT NULL REFERENCES cases,
    PRIMARY KEY (campaign_id, content, person, bucket)
);
CREATE INDEX case_likes_by_case ON case_likes (case_id);

-- What people did with a case: notes too.
CREATE TABLE case_steps (
    case_id     text        NOT NULL REFERENCES cases,
    number      integer     NOT NULL,
    action      text        NOT NULL,
    by          text        NOT NULL,
    approved_by text,
    at          timestamptz NOT NULL,
    likes       bigint      NOT NULL,
    note        text,
    PRIMARY KEY (case_id, number),
    CONSTRAINT case_steps_action_is_known CHECK (action IN ('release', 'void', 'undecided', 'clear', 'note')),
    CONSTRAINT case_steps_are_bounded CHECK (
        number > 0 AND length(by) BETWEEN 1 AND 100 AND length(approved_by) BETWEEN 1 AND 100 AND length(note) <= 4000
    )
);

-- What rules or people decided about a like, apart from its state: it stays when the like is
-- withdrawn and comes again.
CREATE TABLE verdicts (
    campaign_id integer      NOT NULL,
    bucket      smallint     NOT NULL,
    content     text         NOT NULL,
    person      bytea        NOT NULL,
    day         date         NOT NULL,
    verdict     like_verdict NOT NULL,
    families    text[]       NOT NULL,  -- sorted; of the rules that found the like
    rules       text[]       NOT NULL,
    ruleset     bigint       NOT NULL,
    stage       text         NOT NULL,
    decided_by  text         NOT NULL,
    decided_at  timestamptz  NOT NULL,
    PRIMARY KEY (campaign_id, content, person, bucket),
    CONSTRAINT verdicts_have_a_ruleset FOREIGN KEY (campaign_id, ruleset) REFERENCES rulesets,
    CONSTRAINT verdicts_stage_is_known CHECK (stage IN ('intake', 'window', 'closing', 'case', 'undecided', 'appeal')),
    CONSTRAINT verdicts_decider_is_known CHECK (decided_by IN ('rules', 'people'))
);

-- The verdicts by day, kept by increments: what the public sees, and the log's leaves say.
CREATE TABLE verdict_counts (
    campaign_id integer NOT NULL REFERENCES campaigns,
    day         date    NOT NULL,
    family      text    NOT NULL,  -- the first of a like's families
    decided_by  text    NOT NULL,
    held        bigint  NOT NULL DEFAULT 0,
    released    bigint  NOT NULL DEFAULT 0,  -- by people, or cleared by rules
    void        bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, day, family, decided_by),
    CONSTRAINT verdict_counts_are_not_negative CHECK (LEAST(held, released, void) >= 0)
);

-- A platform asks, for a person, that a verdict be looked at again.
CREATE TABLE appeals (
    appeal_id   text        PRIMARY KEY,
    campaign_id integer     NOT NULL REFERENCES campaigns,
    bucket      smallint    NOT NULL,
    content     text        NOT NULL,
    person      bytea       NOT NULL,
    platform_id integer     NOT NULL REFERENCES platforms,
    verdict_at  timestamptz NOT NULL,  -- of the verdict appealed against
    message     text        NOT NULL,
    opened_at   timestamptz NOT NULL,
    outcome     text,
    decided_by  text,
    approved_by text,
    decided_at  timestamptz,
    reason      text,
    CONSTRAINT appeals_are_once_for_a_verdict UNIQUE (campaign_id, content, person, bucket, verdict_at),
    CONSTRAINT appeals_outcome_is_known CHECK (outcome IN ('upheld', 'rejected')),
    CONSTRAINT appeals_are_decided_with_an_outcome
        CHECK ((outcome IS NULL) = (decided_at IS NULL) AND (outcome IS NULL) = (decided_by IS NULL)),
    CONSTRAINT appeals_are_bounded CHECK (
        length(appeal_id) <= 40 AND length(message) BETWEEN 1 AND 1000 AND length(reason) <= 4000
        AND length(decided_by) BETWEEN 1 AND 100 AND length(approved_by) BETWEEN 1 AND 100
    )
);
CREATE INDEX appeals_open ON appeals (campaign_id, opened_at) WHERE outcome IS NULL;

CREATE TRIGGER rulesets_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON rulesets
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER closing_passes_are_never_deleted BEFORE DELETE OR TRUNCATE ON closing_passes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER cases_are_never_deleted BEFORE DELETE OR TRUNCATE ON cases
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER case_steps_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON case_steps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER verdicts_are_never_deleted BEFORE DELETE OR TRUNCATE ON verdicts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER appeals_are_never_deleted BEFORE DELETE OR TRUNCATE ON appeals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
