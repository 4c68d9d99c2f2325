-- Tombstones of the likes of erased people: a like that arrives again counts nothing.

-- One row per (campaign, content, person), as a hash under a key that hashes nothing else: no row
-- can be joined to a like. A campaign's rows are deleted when it closes.
CREATE TABLE like_tombstones (
    campaign_id integer  NOT NULL,
    bucket      smallint NOT NULL,
    digest      bytea    NOT NULL,
    PRIMARY KEY (campaign_id, digest, bucket),
    CONSTRAINT like_tombstones_digest_is_a_hash CHECK (length(digest) = 16)
);
