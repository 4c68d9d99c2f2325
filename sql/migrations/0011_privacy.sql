-- Privacy: salts of account numbers for the public log, and digests of the receipts of erased likes.

-- Leaves show the salted hash of an account's number. An auditor or the charity itself can check it.
CREATE TABLE account_salts (
    number   text PRIMARY KEY,  -- IBAN, or the number in another scheme
    salt     text NOT NULL,     -- 16 random bytes in hex
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT account_salts_number_is_bounded CHECK (length(number) BETWEEN 1 AND 40),
    CONSTRAINT account_salts_salt_is_16_bytes_in_hex CHECK (salt ~ '^[0-9a-f]{32}$')
);
CREATE TRIGGER account_salts_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON account_salts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Registered accounts get theirs now; any other number gets one with its next leaf. The random bits
-- of a version 4 UUID come from the server's strong generator.
INSERT INTO account_salts (number, salt)
SELECT n.number, substring(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex') FOR 32)
FROM (SELECT DISTINCT coalesce(account ->> 'iban', account ->> 'id') AS number FROM charities) n
WHERE n.number IS NOT NULL;

-- The receipt of an erased like stays valid for its holder; any other id at its position is unknown.
ALTER TABLE like_batches ADD COLUMN receipt_digests bytea;
