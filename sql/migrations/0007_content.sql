-- Content: what was enrolled, removed and paused since a version of the catalogue; and files of it, worked off in chunks.

-- What was removed stays as a row of no campaign, so that whoever remembers the catalogue reads only what changed.
-- squawk-ignore ban-drop-not-null
ALTER TABLE enrolments ALTER COLUMN campaign_id DROP NOT NULL;
ALTER TABLE enrolments ADD COLUMN version bigint NOT NULL DEFAULT 0;
-- Some 100,000 rows take a moment, and the runner's transaction could build none concurrently.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX enrolments_by_version ON enrolments (version);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX enrolments_by_campaign ON enrolments (campaign_id, content);

-- Content of which a campaign takes no like for now; resumed: it takes them again.
CREATE TABLE pauses (
    content     text    NOT NULL,
    campaign_id integer NOT NULL REFERENCES campaigns,
    paused_at   timestamptz NOT NULL,
    resumed_at  timestamptz,
    version     bigint  NOT NULL,  -- of the catalogue, at the last change
    PRIMARY KEY (content, campaign_id),
    CONSTRAINT pauses_content_is_bounded CHECK (length(content) BETWEEN 1 AND 128),
    CONSTRAINT pauses_end_after_they_begin CHECK (resumed_at >= paused_at)
);
CREATE INDEX pauses_by_version ON pauses (version);

-- A file of content; it runs until `ended_at`, and was done unless there is a fault.
CREATE TABLE uploads (
    upload_id   text    PRIMARY KEY,
    campaign_id integer NOT NULL REFERENCES campaigns,
    action      text    NOT NULL,
    contents    integer NOT NULL,
    digest      bytea   NOT NULL,  -- of the file
    by          text    NOT NULL,
    at          timestamptz NOT NULL,
    ended_at    timestamptz,
    fault       text,
    CONSTRAINT uploads_action_is_known CHECK (action IN ('enrol', 'remove')),
    CONSTRAINT uploads_hold_something CHECK (contents > 0),
    CONSTRAINT uploads_digest_is_sha256 CHECK (length(digest) = 32),
    CONSTRAINT uploads_with_a_fault_have_ended CHECK (fault IS NULL OR ended_at IS NOT NULL),
    CONSTRAINT uploads_are_bounded CHECK (length(by) BETWEEN 1 AND 100 AND length(fault) BETWEEN 1 AND 500)
);
CREATE INDEX uploads_by_time ON uploads (at, upload_id);
CREATE INDEX uploads_that_run ON uploads (at) WHERE ended_at IS NULL;

-- What one transaction does of it.
CREATE TABLE upload_chunks (
    upload_id text    NOT NULL REFERENCES uploads,
    number    integer NOT NULL,
    contents  text[]  NOT NULL,
    changed   integer,
    done_at   timestamptz,
    PRIMARY KEY (upload_id, number),
    CONSTRAINT upload_chunks_are_numbered_from_one CHECK (number > 0),
    CONSTRAINT upload_chunks_hold_something CHECK (cardinality(contents) > 0),
    CONSTRAINT upload_chunks_change_what_they_hold CHECK (changed BETWEEN 0 AND cardinality(contents)),
    CONSTRAINT upload_chunks_say_what_they_did CHECK ((changed IS NULL) = (done_at IS NULL))
);
