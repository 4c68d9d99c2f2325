-- The whole schema, equal to the sum of the migrations: tests/migration compares the two.

-- Money -------------------------------------------------------------------------------------------

CREATE TABLE accounts (
    account_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text   NOT NULL,
    campaign      text   NOT NULL DEFAULT '',  -- empty for `world`
    charity       text   NOT NULL DEFAULT '',  -- empty before `payable`
    currency      text   NOT NULL,
    balance_minor bigint NOT NULL DEFAULT 0,
    version       bigint NOT NULL DEFAULT 0,   -- number of transfers; the row lock orders them
    CONSTRAINT accounts_are_unique UNIQUE (kind, campaign, charity, currency),
    CONSTRAINT accounts_have_one_kind_and_currency UNIQUE (account_id, kind, currency),
    CONSTRAINT accounts_kind_is_known
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
    CONSTRAINT transfers_idempotency_key_is_unique UNIQUE (idempotency_key),
    CONSTRAINT transfers_are_corrected_at_most_once UNIQUE (corrects),
    CONSTRAINT transfers_amount_is_positive CHECK (amount_minor > 0),
    CONSTRAINT transfers_accounts_differ CHECK (from_account <> to_account),
    CONSTRAINT transfers_reference_is_bounded CHECK (length(reference) BETWEEN 1 AND 500),
    CONSTRAINT transfers_idempotency_key_is_bounded CHECK (length(idempotency_key) BETWEEN 1 AND 300),
    CONSTRAINT transfers_from_account_has_this_kind_and_currency
        FOREIGN KEY (from_account, from_kind, currency) REFERENCES accounts (account_id, kind, currency),
    CONSTRAINT transfers_to_account_has_this_kind_and_currency
        FOREIGN KEY (to_account, to_kind, currency) REFERENCES accounts (account_id, kind, currency),
    CONSTRAINT transfers_from_version_is_unique UNIQUE (from_account, from_version),
    CONSTRAINT transfers_to_version_is_unique UNIQUE (to_account, to_version),
    -- A transfer moves one step right; a correction moves one step left and names the transfer it
    -- corrects.
    CONSTRAINT transfers_move_one_step CHECK (
        CASE WHEN corrects IS NULL THEN concat_ws(' ', step, from_kind, to_kind)
             ELSE concat_ws(' ', step, to_kind, from_kind) END
        IN ('fund world budget', 'pledge budget pledged', 'settle pledged payable', 'send payable in_flight',
            'confirm in_flight paid')
    )
);

-- The outbox of the public log: a leaf is queued in the transaction that it describes, and stays as
-- the log's entry.
CREATE TABLE leaf_queue (
    leaf_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text   NOT NULL,
    subject   text   NOT NULL,  -- the row that it describes, e.g. transfer/<id>
    body      bytea  NOT NULL,  -- RFC 8785 bytes, hashed exactly as stored
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    leaf_index bigint,  -- position in the log; null until it is sequenced
    queued_in xid8 NOT NULL DEFAULT pg_current_xact_id(),  -- leaves of one transaction are sequenced together
    CONSTRAINT leaf_queue_index_is_unique UNIQUE (leaf_index),
    CONSTRAINT leaf_queue_index_is_not_negative CHECK (leaf_index >= 0),
    CONSTRAINT leaf_queue_subject_is_unique UNIQUE (subject),
    CONSTRAINT leaf_queue_kind_is_known
        CHECK (kind IN ('terms', 'count', 'transfer', 'settlement', 'payout', 'note')),
    CONSTRAINT leaf_queue_body_is_bounded CHECK (length(body) BETWEEN 2 AND 65535)
);
CREATE INDEX leaf_queue_pending ON leaf_queue (leaf_id) WHERE leaf_index IS NULL;

-- The public log ----------------------------------------------------------------------------------

-- The key of this log; the sequencer refuses any other key.
CREATE TABLE log_identity (
    only_row     boolean PRIMARY KEY DEFAULT true,
    verifier_key text    NOT NULL,  -- origin, key id and public key (https://c2sp.org/signed-note)
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT log_identity_has_one_row CHECK (only_row)
);

-- The heads of the log, each extending the previous one. Inserting a head is the commit point.
CREATE TABLE log_heads (
    size          bigint PRIMARY KEY,
    root          bytea  NOT NULL,
    previous_size bigint REFERENCES log_heads,
    sequenced_at  timestamptz NOT NULL,  -- never earlier than the previous head
    checkpoint    bytea,  -- the signed note; only a durable head is signed, so null at first
    CONSTRAINT log_heads_previous_size_is_unique UNIQUE (previous_size),
    CONSTRAINT log_heads_first_is_the_empty_tree CHECK ((size = 0) = (previous_size IS NULL)),
    CONSTRAINT log_heads_grow CHECK (size >= 0 AND previous_size < size),
    CONSTRAINT log_heads_root_is_a_hash CHECK (length(root) = 32)
);

-- The widest version of each tile; narrower tiles are its prefixes. Level 0 holds the leaf hashes.
CREATE TABLE log_tiles (
    level      smallint NOT NULL,
    tile_index bigint   NOT NULL,
    hashes     bytea    NOT NULL,  -- 32 bytes each
    PRIMARY KEY (level, tile_index),
    CONSTRAINT log_tiles_level_and_index_are_not_negative CHECK (level >= 0 AND tile_index >= 0),
    CONSTRAINT log_tiles_have_1_to_256_hashes CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192)
);
ALTER TABLE log_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;  -- hashes do not compress

-- Leaves show the salted hash of an account's number. An auditor or the charity itself can check it.
CREATE TABLE account_salts (
    number   text PRIMARY KEY,  -- IBAN, or the number in another scheme
    salt     text NOT NULL,     -- 16 random bytes in hex
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT account_salts_number_is_bounded CHECK (length(number) BETWEEN 1 AND 40),
    CONSTRAINT account_salts_salt_is_16_bytes_in_hex CHECK (salt ~ '^[0-9a-f]{32}$')
);

-- Promises ----------------------------------------------------------------------------------------

-- The version of the catalogue that intake caches. Every change of the tables below raises it.
CREATE TABLE catalogue_version (
    only_row boolean PRIMARY KEY DEFAULT true,
    version  bigint NOT NULL DEFAULT 0,
    CONSTRAINT catalogue_version_has_one_row CHECK (only_row)
);
INSERT INTO catalogue_version DEFAULT VALUES;

CREATE TABLE platforms (
    platform_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz,  -- its deliveries are refused like those of an unknown platform
    CONSTRAINT platforms_name_is_unique UNIQUE (name),
    CONSTRAINT platforms_name_is_a_slug CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$')
);

-- No secret is stored: a v1 secret is derived from the service's key, the platform's name and this
-- salt.
CREATE TABLE platform_keys (
    key_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform_id integer NOT NULL REFERENCES platforms,
    scheme      text    NOT NULL,
    salt        bytea,
    public_key  bytea,
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at  timestamptz,
    last_used_at timestamptz,  -- last delivery that it verified; written about a minute late
    CONSTRAINT platform_keys_match_their_scheme CHECK (
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
    CONSTRAINT campaigns_slug_is_unique UNIQUE (slug),
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
    content     text    PRIMARY KEY,  -- belongs to at most one campaign at a time
    campaign_id integer REFERENCES campaigns,  -- null: removed from its campaign
    enrolled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version     bigint  NOT NULL DEFAULT 0,  -- of the catalogue, at the last change
    CONSTRAINT enrolments_content_is_bounded CHECK (length(content) BETWEEN 1 AND 128)
);
CREATE INDEX enrolments_by_version ON enrolments (version);
CREATE INDEX enrolments_by_campaign ON enrolments (campaign_id, content);

-- Content whose likes a campaign does not count for now. `resumed_at` ends the pause.
CREATE TABLE content_pauses (
    content     text    NOT NULL,
    campaign_id integer NOT NULL REFERENCES campaigns,
    paused_at   timestamptz NOT NULL,
    resumed_at  timestamptz,
    version     bigint  NOT NULL,  -- of the catalogue, at the last change
    PRIMARY KEY (content, campaign_id),
    CONSTRAINT content_pauses_content_is_bounded CHECK (length(content) BETWEEN 1 AND 128),
    CONSTRAINT content_pauses_end_after_they_begin CHECK (resumed_at >= paused_at)
);
CREATE INDEX content_pauses_by_version ON content_pauses (version);

-- An uploaded file of content. It is processed until `ended_at`; a fault means that it was not
-- completed.
CREATE TABLE content_uploads (
    upload_id   text    PRIMARY KEY,
    campaign_id integer NOT NULL REFERENCES campaigns,
    action      text    NOT NULL,
    contents    integer NOT NULL,
    digest      bytea   NOT NULL,  -- of the file
    by          text    NOT NULL,
    at          timestamptz NOT NULL,
    ended_at    timestamptz,
    fault       text,
    CONSTRAINT content_uploads_action_is_known CHECK (action IN ('enrol', 'remove')),
    CONSTRAINT content_uploads_are_not_empty CHECK (contents > 0),
    CONSTRAINT content_uploads_digest_is_sha256 CHECK (length(digest) = 32),
    CONSTRAINT content_uploads_with_a_fault_have_ended CHECK (fault IS NULL OR ended_at IS NOT NULL),
    CONSTRAINT content_uploads_are_bounded CHECK (length(by) BETWEEN 1 AND 100 AND length(fault) BETWEEN 1 AND 500)
);
CREATE INDEX content_uploads_by_time ON content_uploads (at, upload_id);
CREATE INDEX content_uploads_running ON content_uploads (at) WHERE ended_at IS NULL;

-- The part of an upload that one transaction processes.
CREATE TABLE content_upload_chunks (
    upload_id text    NOT NULL REFERENCES content_uploads,
    number    integer NOT NULL,
    contents  text[]  NOT NULL,
    changed   integer,
    done_at   timestamptz,
    PRIMARY KEY (upload_id, number),
    CONSTRAINT content_upload_chunks_are_numbered_from_one CHECK (number > 0),
    CONSTRAINT content_upload_chunks_are_not_empty CHECK (cardinality(contents) > 0),
    CONSTRAINT content_upload_chunks_changed_is_within_contents CHECK (changed BETWEEN 0 AND cardinality(contents)),
    CONSTRAINT content_upload_chunks_changed_is_set_when_done CHECK ((changed IS NULL) = (done_at IS NULL))
);

-- Likes -------------------------------------------------------------------------------------------

CREATE TYPE like_state AS ENUM ('counted', 'withdrawn', 'quarantined', 'void', 'over_limit');

-- Wide columns come first, so that alignment wastes no byte. One partition a campaign: retention
-- drops it whole.
CREATE TABLE likes (
    batch_id    bigint      NOT NULL,  -- the batch that last made it count, else the batch that brought it
    event_at    timestamptz NOT NULL,  -- of the earliest like; of the latest unlike while no like has arrived
    campaign_id integer     NOT NULL,
    day         date,                  -- null: only an unlike has arrived
    position    integer     NOT NULL,  -- its position in that batch
    state       like_state  NOT NULL,
    bucket      smallint    NOT NULL,
    person      bytea       NOT NULL,
    content     text        NOT NULL,
    latest_at   timestamptz,           -- of the latest like or unlike; null: the same as event_at
    is_suspect  boolean     NOT NULL DEFAULT false,  -- the earliest like looks fake
    PRIMARY KEY (campaign_id, content, person, bucket),
    CONSTRAINT likes_person_is_a_pseudonym CHECK (length(person) = 16),
    CONSTRAINT likes_content_is_bounded CHECK (length(content) BETWEEN 1 AND 128),
    CONSTRAINT likes_have_a_day_unless_only_unliked CHECK (day IS NOT NULL OR state = 'withdrawn')
) PARTITION BY LIST (campaign_id);
CREATE INDEX likes_by_batch ON likes USING brin (batch_id) WITH (pages_per_range = 32);
CREATE INDEX likes_over_limit ON likes (campaign_id, person, day, event_at) WHERE state = 'over_limit';

CREATE FUNCTION create_likes_partition(campaign integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- ATTACH locks less than CREATE … PARTITION OF, which waits for every reader of any campaign's
    -- likes.
    EXECUTE format('CREATE TABLE likes_%s (LIKE likes INCLUDING ALL)', campaign);
    EXECUTE format('ALTER TABLE likes ATTACH PARTITION likes_%s FOR VALUES IN (%s)', campaign, campaign);
END $$;

-- The number of a person's likes of a day that are not withdrawn, and the contents of those that
-- count: the earliest ones, as many as the terms allow.
CREATE TABLE person_days (
    campaign_id integer  NOT NULL,
    day         date     NOT NULL,
    live        integer  NOT NULL,
    bucket      smallint NOT NULL,
    person      bytea    NOT NULL,
    contents    text[]   NOT NULL DEFAULT '{}',
    PRIMARY KEY (campaign_id, person, day, bucket),
    CONSTRAINT person_days_live_is_not_negative CHECK (live >= 0)
);

-- Likes of erased people, one row per (campaign, content, person), as a hash under a key that hashes
-- nothing else: no row can be joined to a like. A campaign's rows are deleted when it closes.
CREATE TABLE like_tombstones (
    campaign_id integer  NOT NULL,
    bucket      smallint NOT NULL,
    digest      bytea    NOT NULL,
    PRIMARY KEY (campaign_id, digest, bucket),
    CONSTRAINT like_tombstones_digest_is_a_hash CHECK (length(digest) = 16)
);

CREATE SEQUENCE like_batches_batch_id AS bigint;
CREATE TABLE like_batches (
    batch_id    bigint      NOT NULL,
    campaign_id integer     NOT NULL,
    bucket      smallint    NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    folded_at   timestamptz,
    root        bytea       NOT NULL,  -- RFC 6962 root over the likes that the batch made count
    nonce_key   bytea,                 -- null once a person of the batch is erased
    positions   integer[]   NOT NULL,  -- the position in the batch of each leaf's like, ascending
    leaves      bytea       NOT NULL,  -- the leaf hashes, 32 bytes each
    size        integer     NOT NULL GENERATED ALWAYS AS (cardinality(positions)) STORED,
    tallies     jsonb       NOT NULL,  -- changes by day and state, and refused likes
    folded_with bigint,  -- the first batch of its fold, which names the fold's leaf
    nonces      bytea,   -- replaces the key after an erasure: 16 bytes a like, zero if erased
    receipt_digests bytea,  -- of the erased likes' receipts: 16 bytes a like, zero if not erased
    PRIMARY KEY (batch_id, bucket),
    CONSTRAINT like_batches_nonces_are_derived_or_listed CHECK (nonce_key IS NULL OR nonces IS NULL),
    CONSTRAINT like_batches_leaves_match_size CHECK (length(leaves) = 32 * size),
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
    duplicate   bigint  NOT NULL DEFAULT 0,  -- repeated likes of the same content by the same person
    PRIMARY KEY (campaign_id, day),
    CONSTRAINT day_counts_are_not_negative
        CHECK (LEAST(counted, withdrawn, quarantined, void, over_limit, duplicate) >= 0)
);

-- Refused likes, by the campaign day of the refusal.
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

-- The response to each webhook-id, kept for seven days.
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

-- Append-only tables ------------------------------------------------------------------------------

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: post a correction instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER transfers_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER terms_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terms
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accounts_are_never_deleted BEFORE DELETE OR TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: what the log has published never changes', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER leaf_queue_is_never_deleted BEFORE DELETE OR TRUNCATE ON leaf_queue
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER leaf_queue_body_is_immutable BEFORE UPDATE OF leaf_id, kind, subject, body, queued_at ON leaf_queue
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER leaf_queue_index_is_immutable BEFORE UPDATE OF leaf_index ON leaf_queue
    FOR EACH ROW WHEN (old.leaf_index IS NOT NULL) EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER log_identity_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON log_identity
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_heads_are_never_deleted BEFORE DELETE OR TRUNCATE ON log_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_heads_are_immutable BEFORE UPDATE OF size, root, previous_size, sequenced_at ON log_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_tiles_are_never_deleted BEFORE DELETE OR TRUNCATE ON log_tiles
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_tiles_only_widen BEFORE UPDATE ON log_tiles
    FOR EACH ROW WHEN (substring(new.hashes FOR length(old.hashes)) <> old.hashes)
    EXECUTE FUNCTION refuse_rewrite();

CREATE TRIGGER account_salts_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON account_salts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Settlement --------------------------------------------------------------------------------------

-- One row for each period that was settled, so each period is settled once. A period without money
-- has no share, and no list shows it.
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
    CONSTRAINT settlements_period_is_unique UNIQUE (campaign, period),
    CONSTRAINT settlements_total_is_not_negative CHECK (total_minor >= 0),
    CONSTRAINT settlements_maker_is_bounded CHECK (length(made_by) BETWEEN 1 AND 100)
);

-- The share of each charity in a settlement, and the carried amount that was below the minimum
-- before.
CREATE TABLE settlement_shares (
    settlement_id text    NOT NULL REFERENCES settlements,
    position      integer NOT NULL,  -- in the order of the terms
    charity       text    NOT NULL,
    share_minor   bigint  NOT NULL,
    brought_minor bigint  NOT NULL,
    transfer_id   uuid    REFERENCES transfers,
    PRIMARY KEY (settlement_id, charity),
    CONSTRAINT settlement_shares_are_not_negative CHECK (share_minor >= 0 AND brought_minor >= 0),
    CONSTRAINT settlement_shares_sum_is_positive CHECK (share_minor + brought_minor > 0),
    CONSTRAINT settlement_shares_have_a_transfer_if_positive CHECK ((share_minor > 0) = (transfer_id IS NOT NULL))
);

-- The money of one settlement for one charity. Its steps hold its state.
CREATE TABLE payouts (
    payout_id     text   PRIMARY KEY,
    settlement_id text   NOT NULL,
    charity       text   NOT NULL,
    amount_minor  bigint NOT NULL,
    CONSTRAINT payouts_belong_to_a_share FOREIGN KEY (settlement_id, charity) REFERENCES settlement_shares,
    CONSTRAINT payouts_share_is_unique UNIQUE (settlement_id, charity),
    CONSTRAINT payouts_amount_is_positive CHECK (amount_minor > 0)
);

-- The messages to counterparties, byte for byte as they are sent, also when sent again.
CREATE TABLE payout_messages (
    message_id text  PRIMARY KEY,
    channel    text  NOT NULL,
    body       bytea NOT NULL,
    made_at    timestamptz NOT NULL,
    CONSTRAINT payout_messages_id_is_bank_safe CHECK (message_id ~ '^[A-Za-z0-9-]{1,35}$'),
    CONSTRAINT payout_messages_body_is_bounded CHECK (length(body) BETWEEN 1 AND 16777216)
);

-- The history of a payout; the newest step is its state. Two writers of the same step collide on
-- its number.
CREATE TABLE payout_steps (
    payout_id      text    NOT NULL REFERENCES payouts,
    number         integer NOT NULL,
    state          text    NOT NULL,
    attempt        integer NOT NULL,
    payee          text    NOT NULL,  -- RFC 8785 JSON: name and account of the payee of this attempt
    by             text    NOT NULL,
    at             timestamptz NOT NULL,
    channel        text,
    message_id     text    REFERENCES payout_messages,
    bank_reference text,
    bank_day       date,
    reason         text,
    evidence       bytea,  -- SHA-256 of the file that proves the step
    PRIMARY KEY (payout_id, number),
    CONSTRAINT payout_steps_are_numbered_from_one CHECK (number > 0 AND attempt > 0),
    CONSTRAINT payout_steps_state_is_known
        CHECK (state IN ('waiting', 'sending', 'sent', 'paid', 'returned', 'cancelled')),
    CONSTRAINT payout_steps_are_bounded CHECK (
        length(by) BETWEEN 1 AND 100 AND length(payee) <= 2000 AND length(bank_reference) BETWEEN 1 AND 140
        AND length(reason) BETWEEN 1 AND 500 AND length(evidence) = 32
    ),
    CONSTRAINT payout_steps_match_their_state CHECK (
        CASE state
            WHEN 'sending' THEN channel IS NOT NULL
            WHEN 'paid' THEN bank_day IS NOT NULL
            WHEN 'returned' THEN reason IS NOT NULL
            ELSE true
        END
    )
);

-- Approvals of a settlement. The hash covers everything that would be sent.
CREATE TABLE settlement_approvals (
    settlement_id text  NOT NULL REFERENCES settlements,
    hash          bytea NOT NULL,
    person        text  NOT NULL,
    at            timestamptz NOT NULL,
    PRIMARY KEY (settlement_id, hash, person),
    CONSTRAINT settlement_approvals_hash_is_sha256 CHECK (length(hash) = 32)
);

-- Bank statements, each imported once. Every line names its payout, or the reason why no payout
-- matches.
CREATE TABLE statements (
    account       text   NOT NULL,
    statement_id  text   NOT NULL,
    currency      text   NOT NULL,
    opening_minor bigint NOT NULL,
    closing_minor bigint NOT NULL,
    digest        bytea  NOT NULL,  -- of its content
    evidence      bytea  NOT NULL,  -- SHA-256 of the imported file
    imported_by   text   NOT NULL,
    imported_at   timestamptz NOT NULL,
    PRIMARY KEY (account, statement_id),
    CONSTRAINT statements_are_bounded CHECK (
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
    description    text    NOT NULL,
    payout_id      text    REFERENCES payouts,
    matched_by     text    NOT NULL,
    PRIMARY KEY (account, statement_id, number),
    CONSTRAINT statement_lines_belong_to_a_statement FOREIGN KEY (account, statement_id) REFERENCES statements,
    CONSTRAINT statement_lines_amount_is_not_negative CHECK (amount_minor >= 0)
);
CREATE INDEX statement_lines_unmatched ON statement_lines (booked_on) WHERE payout_id IS NULL;

-- Lines that no rule could match, and the payout that a person assigned.
CREATE TABLE statement_matches (
    account      text    NOT NULL,
    statement_id text    NOT NULL,
    number       integer NOT NULL,
    payout_id    text    NOT NULL REFERENCES payouts,
    reason       text    NOT NULL,
    by           text    NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (account, statement_id, number),
    CONSTRAINT statement_matches_belong_to_a_line
        FOREIGN KEY (account, statement_id, number) REFERENCES statement_lines,
    CONSTRAINT statement_matches_are_bounded
        CHECK (length(by) BETWEEN 1 AND 100 AND length(reason) BETWEEN 1 AND 500)
);

-- The roles of bearer tokens. Only the SHA-256 of a token is stored.
CREATE TABLE tokens (
    digest     bytea PRIMARY KEY,
    name       text  NOT NULL,
    role       text  NOT NULL,
    made_at    timestamptz NOT NULL,
    revoked_at timestamptz,
    expires_at timestamptz,
    made_by    text  NOT NULL DEFAULT 'command line',
    CONSTRAINT tokens_digest_is_sha256 CHECK (length(digest) = 32),
    CONSTRAINT tokens_role_is_known CHECK (role IN ('campaigns', 'finance', 'reviewer', 'auditor', 'owner')),
    CONSTRAINT tokens_name_is_bounded CHECK (length(name) BETWEEN 1 AND 100)
);
CREATE UNIQUE INDEX tokens_live_name_is_unique ON tokens (name) WHERE revoked_at IS NULL;

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

-- Administration ----------------------------------------------------------------------------------

-- Browser sessions. Only the SHA-256 of a session's cookie is stored.
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
    CONSTRAINT sessions_end_after_they_begin CHECK (ends_at > made_at)
);
CREATE INDEX sessions_by_end ON sessions (ends_at);

-- The response to each Idempotency-Key. It contains no secret: secrets appear in the first response
-- only.
CREATE TABLE idempotency_keys (
    name     text  NOT NULL,  -- of the caller who sent the key
    key      text  NOT NULL,
    digest   bytea NOT NULL,  -- of the command, its subject and its body
    response bytea,           -- null only within the transaction that creates it
    made_at  timestamptz NOT NULL,
    PRIMARY KEY (name, key),
    CONSTRAINT idempotency_keys_key_is_bounded
        CHECK (length(key) BETWEEN 1 AND 200 AND length(name) BETWEEN 1 AND 100),
    CONSTRAINT idempotency_keys_digest_is_sha256 CHECK (length(digest) = 32)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys USING brin (made_at);

-- Commands that need the approval of a second person.
CREATE TABLE proposals (
    proposal_id text  PRIMARY KEY,
    command     text  NOT NULL,
    subject_id  text  NOT NULL,  -- from the path of the command
    body        text  NOT NULL,  -- RFC 8785 JSON of the command's body
    subject     text  NOT NULL,
    reason      text  NOT NULL,  -- why it needs a second person
    currency    text  NOT NULL,
    before      text,            -- RFC 8785 JSON
    after       text,
    hash        bytea NOT NULL,  -- of all that would change; an approval names it
    hold_seconds integer NOT NULL,  -- from the approval to the execution
    asked_by    text  NOT NULL,
    asked_role  text  NOT NULL,
    asked_at    timestamptz NOT NULL,
    CONSTRAINT proposals_hash_is_sha256 CHECK (length(hash) = 32),
    CONSTRAINT proposals_hold_is_bounded CHECK (hold_seconds BETWEEN 0 AND 2592000),
    CONSTRAINT proposals_are_bounded CHECK (
        length(body) <= 70000 AND length(before) <= 200000 AND length(after) <= 200000
        AND length(asked_by) BETWEEN 1 AND 100 AND length(subject_id) <= 200 AND length(subject) <= 300
    )
);

-- The history of a proposal; the newest step is its state. Two writers of the same step collide on
-- its number.
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
        CHECK (state IN ('pending', 'approved', 'done', 'refused', 'withdrawn', 'failed')),
    CONSTRAINT proposal_steps_are_bounded CHECK (length(by) BETWEEN 1 AND 100 AND length(reason) BETWEEN 1 AND 500)
);

-- Who did what, when and from where, with the values before and after.
CREATE TABLE audit_log (
    audit_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    by          text NOT NULL,
    role        text NOT NULL,
    entry_point text NOT NULL,
    address     text NOT NULL,
    command     text NOT NULL,
    subject     text NOT NULL,
    before      text,  -- JSON
    after       text,
    proposal_id text REFERENCES proposals,
    CONSTRAINT audit_log_is_bounded CHECK (
        length(by) BETWEEN 1 AND 100 AND length(role) BETWEEN 1 AND 40 AND length(address) <= 100
        AND length(command) BETWEEN 1 AND 60 AND length(subject) <= 300
        AND length(before) <= 200000 AND length(after) <= 200000
    ),
    CONSTRAINT audit_log_entry_point_is_known CHECK (entry_point IN ('http', 'page', 'command line', 'schedule'))
);
CREATE INDEX audit_log_by_subject ON audit_log (subject, audit_id);
CREATE INDEX audit_log_by_person ON audit_log (by, audit_id);

CREATE TRIGGER proposals_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proposals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER proposal_steps_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proposal_steps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Witnesses ---------------------------------------------------------------------------------------

-- Witnesses of the public log and their cosignatures (https://c2sp.org/tlog-witness).

CREATE TABLE log_witnesses (
    witness_key text   PRIMARY KEY,  -- its verifier key; a new key is a new witness
    known_size  bigint NOT NULL,     -- size of the last tree it has seen: the next proof starts there
    next_at     timestamptz NOT NULL,  -- no instance asks it earlier: a request runs, or the last one failed
    fault       text,                -- why the last request failed; null: it did not
    CONSTRAINT log_witnesses_known_size_is_not_negative CHECK (known_size >= 0),
    CONSTRAINT log_witnesses_texts_are_bounded CHECK (length(witness_key) <= 500 AND length(fault) <= 500)
);

-- Cosignatures, verified before they are stored.
CREATE TABLE log_cosignatures (
    witness_key text   NOT NULL REFERENCES log_witnesses,
    size        bigint NOT NULL REFERENCES log_heads,
    line        bytea  NOT NULL,  -- the signature line of the checkpoint, with its newline
    stored_at   timestamptz NOT NULL,
    PRIMARY KEY (witness_key, size),
    CONSTRAINT log_cosignatures_line_is_bounded CHECK (length(line) <= 1000)
);
CREATE INDEX log_cosignatures_by_size ON log_cosignatures (size);

CREATE TRIGGER log_cosignatures_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_cosignatures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Registers ---------------------------------------------------------------------------------------

CREATE TABLE charities (
    charity     text  PRIMARY KEY,
    name_zh     text  NOT NULL,
    name_en     text  NOT NULL,
    account     jsonb NOT NULL,  -- as in the promises
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz,
    CONSTRAINT charities_slug_is_a_slug CHECK (charity ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    CONSTRAINT charities_are_bounded CHECK (
        length(name_zh) BETWEEN 1 AND 200 AND length(name_en) BETWEEN 1 AND 200 AND length(account::text) <= 300
    ),
    CONSTRAINT charities_account_is_an_object CHECK (jsonb_typeof(account) = 'object')
);

CREATE TABLE sponsors (
    sponsor_id  text PRIMARY KEY,
    name        text NOT NULL,  -- the current name
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz,
    CONSTRAINT sponsors_name_is_unique UNIQUE (name),
    CONSTRAINT sponsors_id_is_valid CHECK (sponsor_id ~ '^spo_[0-9a-f]{20}$'),
    CONSTRAINT sponsors_name_is_bounded CHECK (length(name) BETWEEN 1 AND 200)
);

-- All names of each sponsor: a campaign keeps the name in its promise.
CREATE TABLE sponsor_names (
    name       text PRIMARY KEY,
    sponsor_id text NOT NULL REFERENCES sponsors,
    added_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT sponsor_names_are_bounded CHECK (length(name) BETWEEN 1 AND 200)
);
CREATE INDEX sponsor_names_by_sponsor ON sponsor_names (sponsor_id);

CREATE TRIGGER charities_are_never_deleted BEFORE DELETE OR TRUNCATE ON charities
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sponsors_are_never_deleted BEFORE DELETE OR TRUNCATE ON sponsors
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sponsor_names_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sponsor_names
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Guards ------------------------------------------------------------------------------------------

-- What a stolen login of the service cannot do. A right is not enough where the service must set a
-- column once; then a trigger refuses to set it again.

CREATE FUNCTION refuse_reversal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: it is set once, and never changed', TG_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER campaigns_stay_closed BEFORE UPDATE OF closed_at ON campaigns
    FOR EACH ROW WHEN (old.closed_at IS NOT NULL) EXECUTE FUNCTION refuse_reversal();
CREATE TRIGGER log_heads_are_signed_once BEFORE UPDATE OF checkpoint ON log_heads
    FOR EACH ROW WHEN (old.checkpoint IS NOT NULL) EXECUTE FUNCTION refuse_reversal();
CREATE TRIGGER like_batches_are_folded_once BEFORE UPDATE OF folded_at, folded_with ON like_batches
    FOR EACH ROW WHEN (old.folded_at IS NOT NULL) EXECUTE FUNCTION refuse_reversal();
CREATE TRIGGER tokens_stay_revoked BEFORE UPDATE OF revoked_at ON tokens
    FOR EACH ROW WHEN (old.revoked_at IS NOT NULL) EXECUTE FUNCTION refuse_reversal();
CREATE TRIGGER platform_keys_stay_revoked BEFORE UPDATE OF revoked_at ON platform_keys
    FOR EACH ROW WHEN (old.revoked_at IS NOT NULL) EXECUTE FUNCTION refuse_reversal();
CREATE TRIGGER sessions_stay_ended BEFORE UPDATE OF ended_at ON sessions
    FOR EACH ROW WHEN (old.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_reversal();

-- A balance changes only with a transfer. The check waits for the commit, because the transfer is
-- inserted after both balances.
CREATE FUNCTION require_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM transfers
        WHERE from_account = new.account_id AND from_version = new.version
            AND from_balance_after_minor = new.balance_minor
    ) AND NOT EXISTS (
        SELECT FROM transfers
        WHERE to_account = new.account_id AND to_version = new.version
            AND to_balance_after_minor = new.balance_minor
    ) THEN
        RAISE EXCEPTION '%: post a transfer instead', TG_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER accounts_change_by_transfers AFTER UPDATE ON accounts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_transfer();
CREATE TRIGGER accounts_start_empty BEFORE INSERT ON accounts
    FOR EACH ROW WHEN (new.balance_minor <> 0 OR new.version <> 0) EXECUTE FUNCTION refuse_reversal();

-- The service creates tokens for everyone but owners: who assigns roles is decided outside it.
CREATE FUNCTION require_database_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
        RAISE EXCEPTION '%: run `like-ledger token create` as the owner of the database', TG_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN new;
END $$;

CREATE TRIGGER tokens_of_owners_need_the_database_owner BEFORE INSERT ON tokens
    FOR EACH ROW WHEN (new.role = 'owner') EXECUTE FUNCTION require_database_owner();

CREATE FUNCTION require_live_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM tokens
        WHERE digest = new.token_digest AND name = new.name AND role = new.role AND revoked_at IS NULL
    ) THEN
        RAISE EXCEPTION '%: the token is of another person or role, or is revoked', TG_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN new;
END $$;

CREATE TRIGGER sessions_have_the_role_of_their_token BEFORE INSERT ON sessions
    FOR EACH ROW WHEN (new.token_digest IS NOT NULL) EXECUTE FUNCTION require_live_token();
