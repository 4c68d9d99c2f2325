-- Guards: what a stolen login of the service cannot do. A right is not enough where the service must
-- set a column once; then a trigger refuses to set it again.

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
