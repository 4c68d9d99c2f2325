-- The public log: leaves get their places, tiles their hashes, heads their signatures (https://c2sp.org/tlog-tiles).
-- No release came before this one, so no table that it changes holds much.
-- squawk-ignore-file constraint-missing-not-valid, disallowed-unique-constraint, require-concurrent-index-creation

ALTER TABLE leaf_queue
    ADD COLUMN leaf_index bigint,  -- its place in the log; null while it waits for one
    ADD COLUMN queued_in xid8 NOT NULL DEFAULT pg_current_xact_id(),  -- leaves of one transaction enter together
    ADD CONSTRAINT leaf_queue_places_are_given_once UNIQUE (leaf_index),
    ADD CONSTRAINT leaf_queue_places_count_from_zero CHECK (leaf_index >= 0);
CREATE INDEX leaf_queue_waiting ON leaf_queue (leaf_id) WHERE leaf_index IS NULL;

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

-- In which fold a batch was told to the log: the id of that fold's first batch, which names its leaf.
ALTER TABLE like_batches
    ADD COLUMN folded_with bigint,
    ADD COLUMN nonces bytea,  -- in the key's place once a person of the batch is forgotten: 16 bytes a like, theirs zero
    ADD CONSTRAINT like_batches_nonces_are_derived_or_listed CHECK (nonce_key IS NULL OR nonces IS NULL);

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
