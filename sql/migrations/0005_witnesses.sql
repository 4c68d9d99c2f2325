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
