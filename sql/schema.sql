-- The whole schema as the migrations leave it: read this one. tests/migration holds the two to each other.

-- Money ------------------------------------------------------------------------------------------------------------

CREATE TABLE accounts (
    account_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text   NOT NULL,
    campaign      text   NOT NULL DEFAULT '',  -- empty for `world`
    charity       text   NOT NULL DEFAULT '',  -- empty left of `payable`
    currency      text   NOT NULL,
    balance_minor bigint NOT NULL DEFAULT 0,
    version       bigint NOT NULL DEFAULT 0,   -- transfers so far: orders them, taken under the lock
    CONSTRAINT accounts_are_named_once UNIQUE (kind, campaign, charity, currency),
    CONSTRAINT accounts_have_one_kind_and_currency UNIQUE (account_id, kind, currency),
    CONSTRAINT accounts_kind_is_on_the_line
        CHECK (kind IN ('world', 'budget', 'pledged', 'payable', 'in_flight', 'paid')),
    CONSTRAINT accounts_currency_is_iso_4217 CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT accounts_balance_floor CHECK (kind = 'world' OR balance_minor >= 0)
);

CREATE TABLE transfers (
    transfer_id             uuid   PRIMARY KEY,  -- UUIDv5 of the idempotency key
    idempotency_key         text   NOT NULL,
    step                    text   NOT NULL,
    from_account            bigint NOT NULL,
    to_account              bigint NOT NULL,
    from_kind               text   NOT NULL,
    to_kind                 text   NOT NULL,
    currency                text   NOT NULL,
    amount_minor            bigint NOT NULL,
    from_balance_after_minor bigint NOT NULL,
    to_balance_after_minor  bigint NOT NULL,
    from_version            bigint NOT NULL,
    to_version              bigint NOT NULL,
    corrects                uuid   REFERENCES transfers,
    reference               text   NOT NULL,
    recorded_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT transfers_idempotency_key_is_used_once UNIQUE (idempotency_key),
    CONSTRAINT transfers_are_corrected_at_most_once UNIQUE (corrects),
    CONSTRAINT transfers_amount_is_positive CHECK (amount_minor > 0),
    CONSTRAINT transfers_join_two_accounts CHECK (from_account <> to_account),
    CONSTRAINT transfers_reference_is_bounded CHECK (length(reference) BETWEEN 1 AND 500),
    CONSTRAINT transfers_key_is_bounded CHECK (length(idempotency_key) BETWEEN 1 AND 300),
    CONSTRAINT transfers_from_account_has_this_kind_and_currency
        FOREIGN KEY (from_account, from_kind, currency) REFERENCES accounts (account_id, kind, currency),
    CONSTRAINT transfers_to_account_has_this_kind_and_currency
        FOREIGN KEY (to_account, to_kind, currency) REFERENCES accounts (account_id, kind, currency),
    CONSTRAINT transfers_order_the_from_account UNIQUE (from_account, from_version),
    CONSTRAINT transfers_order_the_to_account UNIQUE (to_account, to_version),
    -- One step right; a correction is one step left and names what it corrects.
    CONSTRAINT transfers_move_one_step CHECK (
        CASE WHEN corrects IS NULL THEN concat_ws(' ', step, from_kind, to_kind)
             ELSE concat_ws(' ', step, to_kind, from_kind) END
        IN ('fund world budget', 'pledge budget pledged', 'settle pledged payable', 'send payable in_flight',
            'confirm in_flight paid')
    )
);

-- What the public log is to get, queued in the transaction of what it tells.
CREATE TABLE leaf_queue (
    leaf_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text   NOT NULL,
    subject   text   NOT NULL,  -- what it tells of, e.g. transfer/<id>: one leaf each
    body      bytea  NOT NULL,  -- RFC 8785 bytes, stored exactly as they will be hashed
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    leaf_index bigint,  -- its place in the log; null while it waits for one
    queued_in xid8 NOT NULL DEFAULT pg_current_xact_id(),  -- leaves of one transaction enter together
    CONSTRAINT leaf_queue_places_are_given_once UNIQUE (leaf_index),
    CONSTRAINT leaf_queue_places_count_from_zero CHECK (leaf_index >= 0),
    CONSTRAINT leaf_queue_tells_a_thing_once UNIQUE (subject),
    CONSTRAINT leaf_queue_kind_is_known
        CHECK (kind IN ('terms', 'count', 'transfer', 'settlement', 'payout', 'note')),
    CONSTRAINT leaf_queue_body_fits_an_entry CHECK (length(body) BETWEEN 2 AND 65535)
);
CREATE INDEX leaf_queue_waiting ON leaf_queue (leaf_id) WHERE leaf_index IS NULL;

-- The public log ---------------------------------------------------------------------------------------------------

-- Whose log this is: another key than this one is refused.
CREATE TABLE log_identity (
    only_row     boolean PRIMARY KEY DEFAULT true,
    verifier_key text    NOT NULL,  -- origin, key id and public key, as https://c2sp.org/signed-note writes them
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT log_identity_has_one_row CHECK (only_row)
);

-- What the log committed to, each head extending the one before: inserting it is the commit point.
CREATE TABLE log_heads (
    size          bigint PRIMARY KEY,
    root          bytea  NOT NULL,
    previous_size bigint REFERENCES log_heads,
    sequenced_at  timestamptz NOT NULL,  -- never before that of the head before
    checkpoint    bytea,  -- the signed note; null until it is signed, which only a durable head is
    CONSTRAINT log_heads_extend_another_once UNIQUE (previous_size),
    CONSTRAINT log_heads_begin_with_the_empty_tree CHECK ((size = 0) = (previous_size IS NULL)),
    CONSTRAINT log_heads_grow CHECK (size >= 0 AND previous_size < size),
    CONSTRAINT log_heads_root_is_a_hash CHECK (length(root) = 32)
);

-- The widest of each tile: narrower ones are its beginning. Level 0 holds the hashes of leaves.
CREATE TABLE log_tiles (
    level      smallint NOT NULL,
    tile_index bigint   NOT NULL,
    hashes     bytea    NOT NULL,  -- 32 bytes each
    PRIMARY KEY (level, tile_index),
    CONSTRAINT log_tiles_level_and_index_are_not_negative CHECK (level >= 0 AND tile_index >= 0),
    CONSTRAINT log_tiles_hold_1_to_256_hashes CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192)
);
ALTER TABLE log_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;  -- hashes do not compress

-- Promises ---------------------------------------------------------------------------------------------------------

-- What intake remembers between transactions is of one version; every change of the tables below raises it.
CREATE TABLE catalogue (
    only_row boolean PRIMARY KEY DEFAULT true,
    version  bigint NOT NULL DEFAULT 0,
    CONSTRAINT catalogue_has_one_row CHECK (only_row)
);
INSERT INTO catalogue DEFAULT VALUES;

CREATE TABLE platforms (
    platform_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz,  -- its deliveries are refused like those of one that nobody knows
    CONSTRAINT platforms_are_named_once UNIQUE (name),
    CONSTRAINT platforms_name_is_a_slug CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$')
);

-- No secret is stored: a v1 secret is derived from the service's key, the platform's name and this salt.
CREATE TABLE platform_keys (
    key_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform_id integer NOT NULL REFERENCES platforms,
    scheme      text    NOT NULL,
    salt        bytea,
    public_key  bytea,
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    dropped_at  timestamptz,
    last_used_at timestamptz,  -- verified a delivery then, and no newer key of its scheme did; some minute late
    CONSTRAINT platform_keys_hold_what_their_scheme_needs CHECK (
        (scheme = 'v1' AND length(salt) = 16 AND public_key IS NULL)
        OR (scheme = 'v1a' AND length(public_key) = 32 AND salt IS NULL)
    )
);

CREATE TABLE campaigns (
    campaign_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug        text NOT NULL,
    promise     text NOT NULL,  -- RFC 8785 JSON of the sections campaign, settlement, agreement
    currency    text NOT NULL,
    floor_minor bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at   timestamptz,
    CONSTRAINT campaigns_slug_is_used_once UNIQUE (slug),
    CONSTRAINT campaigns_slug_is_a_slug CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    CONSTRAINT campaigns_floor_is_not_negative CHECK (floor_minor >= 0)
);

CREATE TABLE terms (
    campaign_id              integer NOT NULL REFERENCES campaigns,
    version                  integer NOT NULL,
    from_day                 date    NOT NULL,
    promise                  text    NOT NULL,  -- RFC 8785 JSON of the section terms
    amount_minor             bigint  NOT NULL,
    per_likes                bigint  NOT NULL,
    daily_cap_minor          bigint,
    likes_per_person_per_day integer,
    recorded_at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (campaign_id, version),
    CONSTRAINT terms_rate_is_positive CHECK (amount_minor > 0 AND per_likes > 0),
    CONSTRAINT terms_daily_cap_is_not_negative CHECK (daily_cap_minor >= 0),
    CONSTRAINT terms_person_limit_is_positive CHECK (likes_per_person_per_day > 0)
);

CREATE TABLE enrolments (
    content     text    PRIMARY KEY,  -- at most one campaign at a time
    campaign_id integer REFERENCES campaigns,  -- null: it was removed
    enrolled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version     bigint  NOT NULL DEFAULT 0,  -- of the catalogue, at the last change
    CONSTRAINT enrolments_content_is_bounded CHECK (length(content) BETWEEN 1 AND 128)
);
CREATE INDEX enrolments_by_version ON enrolments (version);
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

-- Likes ------------------------------------------------------------------------------------------------------------

CREATE TYPE like_state AS ENUM ('counted', 'withdrawn', 'quarantined', 'void', 'over_limit');

-- Wide columns first, so that no byte is lost to alignment. Partitioned: a closed campaign past its retention is dropped whole.
CREATE TABLE likes (
    batch_id    bigint      NOT NULL,  -- the batch that made it count last, or else brought it
    event_at    timestamptz NOT NULL,  -- of the latest like or unlike about it
    campaign_id integer     NOT NULL,
    day         date,                  -- null: unliked before any like came
    position    integer     NOT NULL,  -- its place in that batch
    state       like_state  NOT NULL,
    bucket      smallint    NOT NULL,
    person      bytea       NOT NULL,
    content     text        NOT NULL,
    PRIMARY KEY (campaign_id, content, person, bucket),
    CONSTRAINT likes_person_is_a_pseudonym CHECK (length(person) = 16),
    CONSTRAINT likes_content_is_bounded CHECK (length(content) BETWEEN 1 AND 128),
    CONSTRAINT likes_have_a_day_unless_only_unliked CHECK (day IS NOT NULL OR state = 'withdrawn')
) PARTITION BY LIST (campaign_id);
CREATE INDEX likes_by_batch ON likes USING brin (batch_id) WITH (pages_per_range = 32);
CREATE INDEX likes_over_limit ON likes (campaign_id, person, day, event_at) WHERE state = 'over_limit';

CREATE FUNCTION open_likes(campaign integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- Attached, not made as a partition: that would wait for every reader of any campaign's likes, and all for it.
    EXECUTE format('CREATE TABLE likes_%s (LIKE likes INCLUDING ALL)', campaign);
    EXECUTE format('ALTER TABLE likes ATTACH PARTITION likes_%s FOR VALUES IN (%s)', campaign, campaign);
END $$;

-- The likes of a person on a day that are not withdrawn: of these as many count as the terms allow.
CREATE TABLE person_days (
    campaign_id integer  NOT NULL,
    day         date     NOT NULL,
    live        integer  NOT NULL,
    bucket      smallint NOT NULL,
    person      bytea    NOT NULL,
    PRIMARY KEY (campaign_id, person, day, bucket),
    CONSTRAINT person_days_live_is_not_negative CHECK (live >= 0)
);

CREATE SEQUENCE like_batches_batch_id AS bigint;
CREATE TABLE like_batches (
    batch_id    bigint      NOT NULL,
    campaign_id integer     NOT NULL,
    bucket      smallint    NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    folded_at   timestamptz,
    root        bytea       NOT NULL,  -- RFC 6962 root over the likes that it made count
    nonce_key   bytea,                 -- null once the campaign's people are forgotten
    positions   integer[]   NOT NULL,  -- of each leaf, its like's place in the batch; ascending
    leaves      bytea       NOT NULL,  -- the leaf hashes, 32 bytes each
    size        integer     NOT NULL GENERATED ALWAYS AS (cardinality(positions)) STORED,
    tallies     jsonb       NOT NULL,  -- by day and state what it changed, and what was refused
    folded_with bigint,  -- the first batch of the fold that told it to the log: names its leaf
    nonces      bytea,   -- in the key's place once a person of the batch is forgotten: 16 bytes a like, theirs zero
    PRIMARY KEY (batch_id, bucket),
    CONSTRAINT like_batches_nonces_are_derived_or_listed CHECK (nonce_key IS NULL OR nonces IS NULL),
    CONSTRAINT like_batches_hold_their_leaves CHECK (length(leaves) = 32 * size),
    CONSTRAINT like_batches_root_is_a_hash CHECK (length(root) = 32)
);
ALTER TABLE like_batches ALTER COLUMN leaves SET STORAGE EXTERNAL;  -- hashes do not compress
CREATE INDEX like_batches_unfolded ON like_batches (campaign_id, batch_id) WHERE folded_at IS NULL;

CREATE TABLE day_counts (
    campaign_id integer NOT NULL REFERENCES campaigns,
    day         date    NOT NULL,
    counted     bigint  NOT NULL DEFAULT 0,
    withdrawn   bigint  NOT NULL DEFAULT 0,
    quarantined bigint  NOT NULL DEFAULT 0,
    void        bigint  NOT NULL DEFAULT 0,
    over_limit  bigint  NOT NULL DEFAULT 0,
    duplicate   bigint  NOT NULL DEFAULT 0,  -- likes of what the same person had liked before
    PRIMARY KEY (campaign_id, day),
    CONSTRAINT day_counts_are_not_negative
        CHECK (LEAST(counted, withdrawn, quarantined, void, over_limit, duplicate) >= 0)
);

-- Likes that never came under the promise, by the campaign day on which they were refused.
CREATE TABLE refusal_counts (
    campaign_id integer NOT NULL REFERENCES campaigns,
    day         date    NOT NULL,
    outcome     text    NOT NULL,
    likes       bigint  NOT NULL,
    PRIMARY KEY (campaign_id, day, outcome)
);

CREATE TABLE people_counts (
    campaign_id integer PRIMARY KEY REFERENCES campaigns,
    people      bigint  NOT NULL,
    as_of       timestamptz NOT NULL
);

-- What was answered to a webhook-id, for seven days.
CREATE TABLE deliveries (
    platform_id integer     NOT NULL REFERENCES platforms,
    webhook_id  text        NOT NULL,
    body_digest bytea       NOT NULL,
    answer      bytea       NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (platform_id, webhook_id),
    CONSTRAINT deliveries_webhook_id_is_bounded CHECK (length(webhook_id) BETWEEN 1 AND 200)
);
CREATE INDEX deliveries_by_time ON deliveries USING brin (recorded_at);

-- What is told once is never changed ---------------------------------------------------------------------------------

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: post a correction instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER transfers_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER terms_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terms
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accounts_are_kept BEFORE DELETE OR TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_another_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% only grows: what the log told cannot become something else', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER leaf_queue_is_kept BEFORE DELETE OR TRUNCATE ON leaf_queue
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER leaf_queue_bytes_are_kept BEFORE UPDATE OF leaf_id, kind, subject, body, queued_at ON leaf_queue
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER leaf_queue_places_are_kept BEFORE UPDATE OF leaf_index ON leaf_queue
    FOR EACH ROW WHEN (old.leaf_index IS NOT NULL) EXECUTE FUNCTION refuse_another_past();
CREATE TRIGGER log_identity_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON log_identity
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_heads_are_kept BEFORE DELETE OR TRUNCATE ON log_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_heads_say_the_same BEFORE UPDATE OF size, root, previous_size, sequenced_at ON log_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_tiles_are_kept BEFORE DELETE OR TRUNCATE ON log_tiles
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_tiles_only_widen BEFORE UPDATE ON log_tiles
    FOR EACH ROW WHEN (substring(new.hashes FOR length(old.hashes)) <> old.hashes)
    EXECUTE FUNCTION refuse_another_past();

-- Settlement -------------------------------------------------------------------------------------------------------

-- One row for each period that was looked at: the truth that a settlement is made once. A period that had nothing to
-- take has no share, so no envelope, and is not shown.
CREATE TABLE settlements (
    settlement_id text    PRIMARY KEY,
    campaign      text    NOT NULL REFERENCES campaigns (slug),
    period        date    NOT NULL,
    cut_off       date    NOT NULL,
    currency      text    NOT NULL,
    total_minor   bigint  NOT NULL,
    is_last       boolean NOT NULL,
    made_by       text    NOT NULL,
    made_at       timestamptz NOT NULL,
    CONSTRAINT settlements_of_a_period_are_made_once UNIQUE (campaign, period),
    CONSTRAINT settlements_total_is_not_negative CHECK (total_minor >= 0),
    CONSTRAINT settlements_maker_is_bounded CHECK (length(made_by) BETWEEN 1 AND 100)
);

-- What each charity gets of an envelope, and what it brings along from before that was too little to be sent.
CREATE TABLE settlement_shares (
    settlement_id text    NOT NULL REFERENCES settlements,
    place         integer NOT NULL,
    charity       text    NOT NULL,
    share_minor   bigint  NOT NULL,
    brought_minor bigint  NOT NULL,
    transfer_id   uuid    REFERENCES transfers,
    PRIMARY KEY (settlement_id, charity),
    CONSTRAINT settlement_shares_are_not_negative CHECK (share_minor >= 0 AND brought_minor >= 0),
    CONSTRAINT settlement_shares_are_something CHECK (share_minor + brought_minor > 0),
    CONSTRAINT settlement_shares_move_by_a_transfer CHECK ((share_minor > 0) = (transfer_id IS NOT NULL))
);

-- Money to one charity out of one settlement. What becomes of it stands in its steps.
CREATE TABLE payouts (
    payout_id     text   PRIMARY KEY,
    settlement_id text   NOT NULL,
    charity       text   NOT NULL,
    amount_minor  bigint NOT NULL,
    CONSTRAINT payouts_are_of_a_share FOREIGN KEY (settlement_id, charity) REFERENCES settlement_shares,
    CONSTRAINT payouts_of_a_share_are_made_once UNIQUE (settlement_id, charity),
    CONSTRAINT payouts_amount_is_positive CHECK (amount_minor > 0)
);

-- What is told to a bank: the bytes exactly as they are sent, however often.
CREATE TABLE payout_messages (
    message_id text  PRIMARY KEY,
    channel    text  NOT NULL,
    body       bytea NOT NULL,
    made_at    timestamptz NOT NULL,
    CONSTRAINT payout_messages_id_fits_a_bank_s CHECK (message_id ~ '^[A-Za-z0-9-]{1,35}$'),
    CONSTRAINT payout_messages_body_is_bounded CHECK (length(body) BETWEEN 1 AND 16777216)
);

-- A payout's life, one row a step; the newest says where it is. Two who would take the same step collide on its number.
CREATE TABLE payout_steps (
    payout_id      text    NOT NULL REFERENCES payouts,
    number         integer NOT NULL,
    state          text    NOT NULL,
    attempt        integer NOT NULL,
    payee          text    NOT NULL,  -- RFC 8785 JSON: name and account that this attempt goes to
    by             text    NOT NULL,
    at             timestamptz NOT NULL,
    channel        text,
    message_id     text    REFERENCES payout_messages,
    bank_reference text,
    bank_day       date,
    reason         text,
    evidence       bytea,  -- SHA-256 of the file that says so
    PRIMARY KEY (payout_id, number),
    CONSTRAINT payout_steps_are_numbered_from_one CHECK (number > 0 AND attempt > 0),
    CONSTRAINT payout_steps_state_is_known
        CHECK (state IN ('waiting', 'sending', 'sent', 'paid', 'returned', 'cancelled')),
    CONSTRAINT payout_steps_are_bounded CHECK (
        length(by) BETWEEN 1 AND 100 AND length(payee) <= 2000 AND length(bank_reference) BETWEEN 1 AND 140
        AND length(reason) BETWEEN 1 AND 500 AND length(evidence) = 32
    ),
    CONSTRAINT payout_steps_say_what_their_state_needs CHECK (
        CASE state
            WHEN 'sending' THEN channel IS NOT NULL
            WHEN 'paid' THEN bank_day IS NOT NULL
            WHEN 'returned' THEN reason IS NOT NULL
            ELSE true
        END
    )
);

-- Who approved which content of an envelope: the hash is of everything that would be sent.
CREATE TABLE settlement_approvals (
    settlement_id text  NOT NULL REFERENCES settlements,
    hash          bytea NOT NULL,
    person        text  NOT NULL,
    at            timestamptz NOT NULL,
    PRIMARY KEY (settlement_id, hash, person),
    CONSTRAINT settlement_approvals_hash_is_sha256 CHECK (length(hash) = 32)
);

-- What banks said: each statement once, every line of it with the payout that it is of, or why it is of none.
CREATE TABLE statements (
    account       text   NOT NULL,
    statement_id  text   NOT NULL,
    currency      text   NOT NULL,
    opening_minor bigint NOT NULL,
    closing_minor bigint NOT NULL,
    digest        bytea  NOT NULL,  -- of what it says
    evidence      bytea  NOT NULL,  -- SHA-256 of the file that it came in
    taken_by      text   NOT NULL,
    taken_at      timestamptz NOT NULL,
    PRIMARY KEY (account, statement_id),
    CONSTRAINT statements_name_themselves CHECK (
        length(account) BETWEEN 1 AND 40 AND length(statement_id) BETWEEN 1 AND 140 AND length(digest) = 32
        AND length(evidence) = 32
    )
);

CREATE TABLE statement_lines (
    account        text    NOT NULL,
    statement_id   text    NOT NULL,
    number         integer NOT NULL,
    amount_minor   bigint  NOT NULL,
    is_credit      boolean NOT NULL,
    booked_on      date    NOT NULL,
    end_to_end_id  text,
    bank_reference text,
    said           text    NOT NULL,
    payout_id      text    REFERENCES payouts,
    matched_by     text    NOT NULL,
    PRIMARY KEY (account, statement_id, number),
    CONSTRAINT statement_lines_are_of_a_statement FOREIGN KEY (account, statement_id) REFERENCES statements,
    CONSTRAINT statement_lines_amount_is_not_negative CHECK (amount_minor >= 0)
);
CREATE INDEX statement_lines_unmatched ON statement_lines (booked_on) WHERE payout_id IS NULL;

-- Lines that no rule could match, and the payout that a person says they are of.
CREATE TABLE statement_matches (
    account      text    NOT NULL,
    statement_id text    NOT NULL,
    number       integer NOT NULL,
    payout_id    text    NOT NULL REFERENCES payouts,
    reason       text    NOT NULL,
    by           text    NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (account, statement_id, number),
    CONSTRAINT statement_matches_are_of_a_line FOREIGN KEY (account, statement_id, number) REFERENCES statement_lines,
    CONSTRAINT statement_matches_say_who_and_why
        CHECK (length(by) BETWEEN 1 AND 100 AND length(reason) BETWEEN 1 AND 500)
);

-- Who may do what by a token; of the token itself only its SHA-256 is kept.
CREATE TABLE tokens (
    digest     bytea PRIMARY KEY,
    name       text  NOT NULL,
    role       text  NOT NULL,
    made_at    timestamptz NOT NULL,
    dropped_at timestamptz,
    expires_at timestamptz,
    made_by    text  NOT NULL DEFAULT 'command line',
    CONSTRAINT tokens_digest_is_sha256 CHECK (length(digest) = 32),
    CONSTRAINT tokens_role_is_known CHECK (role IN ('campaigns', 'finance', 'reviewer', 'auditor', 'owner')),
    CONSTRAINT tokens_name_is_bounded CHECK (length(name) BETWEEN 1 AND 100)
);
CREATE UNIQUE INDEX tokens_name_is_one_person_s ON tokens (name) WHERE dropped_at IS NULL;

CREATE TRIGGER settlements_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_shares_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_shares
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payouts_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payouts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payout_messages_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_messages
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payout_steps_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_steps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statements_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_lines_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statement_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_matches_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statement_matches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_approvals_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_approvals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Administration -----------------------------------------------------------------------------------------------------

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

-- Witnesses --------------------------------------------------------------------------------------------------------

-- Witnesses of the public log: where each stands, and what each has cosigned (https://c2sp.org/tlog-witness).

CREATE TABLE log_witnesses (
    witness_key text   PRIMARY KEY,  -- its verifier key: another key is another witness
    known_size  bigint NOT NULL,     -- how many leaves it was last known to have seen: what the next proof starts from
    next_at     timestamptz NOT NULL,  -- nobody asks it before: it is being asked, or it did not answer well
    fault       text,                -- why it did not cosign when it was last asked; null: it did
    CONSTRAINT log_witnesses_known_size_is_not_negative CHECK (known_size >= 0),
    CONSTRAINT log_witnesses_texts_are_bounded CHECK (length(witness_key) <= 500 AND length(fault) <= 500)
);

-- A cosignature was verified before it came here; it is never taken back.
CREATE TABLE log_cosignatures (
    witness_key text   NOT NULL REFERENCES log_witnesses,
    size        bigint NOT NULL REFERENCES log_heads,
    line        bytea  NOT NULL,  -- as it stands under the checkpoint, its newline included
    kept_at     timestamptz NOT NULL,
    PRIMARY KEY (witness_key, size),
    CONSTRAINT log_cosignatures_line_is_bounded CHECK (length(line) <= 1000)
);
CREATE INDEX log_cosignatures_of_a_head ON log_cosignatures (size);

CREATE TRIGGER log_cosignatures_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_cosignatures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Registers --------------------------------------------------------------------------------------------------------

CREATE TABLE charities (
    charity     text  PRIMARY KEY,
    name_zh     text  NOT NULL,
    name_en     text  NOT NULL,
    account     jsonb NOT NULL,  -- as promises name it
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz,
    CONSTRAINT charities_name_is_a_slug CHECK (charity ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    CONSTRAINT charities_are_bounded CHECK (
        length(name_zh) BETWEEN 1 AND 200 AND length(name_en) BETWEEN 1 AND 200 AND length(account::text) <= 300
    ),
    CONSTRAINT charities_account_is_one CHECK (jsonb_typeof(account) = 'object')
);

CREATE TABLE sponsors (
    sponsor_id  text PRIMARY KEY,
    name        text NOT NULL,  -- as it is now
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz,
    CONSTRAINT sponsors_are_named_once UNIQUE (name),
    CONSTRAINT sponsors_id_is_one CHECK (sponsor_id ~ '^spo_[0-9a-f]{20}$'),
    CONSTRAINT sponsors_name_is_bounded CHECK (length(name) BETWEEN 1 AND 200)
);

-- Every name that a sponsor had: campaigns keep the one that they were promised under.
CREATE TABLE sponsor_names (
    name       text PRIMARY KEY,
    sponsor_id text NOT NULL REFERENCES sponsors,
    given_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT sponsor_names_are_bounded CHECK (length(name) BETWEEN 1 AND 200)
);
CREATE INDEX sponsor_names_by_sponsor ON sponsor_names (sponsor_id);

CREATE TRIGGER charities_are_kept BEFORE DELETE OR TRUNCATE ON charities
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sponsors_are_kept BEFORE DELETE OR TRUNCATE ON sponsors
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sponsor_names_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sponsor_names
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
