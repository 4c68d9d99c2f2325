-- Settlement: envelopes, their shares and payouts, who approved them, what was told to banks and what banks told.

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

-- Who may do what by a token; of the token itself only its SHA-256 is kept.
CREATE TABLE tokens (
    digest     bytea PRIMARY KEY,
    name       text  NOT NULL,
    role       text  NOT NULL,
    made_at    timestamptz NOT NULL,
    dropped_at timestamptz,
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
CREATE TRIGGER settlement_approvals_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_approvals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
