-- name: lock_migrations
-- One instance migrates at a time; the others wait and then find nothing to do.
SELECT pg_advisory_xact_lock(72, 1);

-- name: find_schema_migrations
-- Null in a database that was never migrated.
SELECT to_regclass('public.schema_migrations')::text;

-- name: make_schema_migrations
-- The runner's own table.
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text  NOT NULL,
    digest     bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT schema_migrations_digest_is_sha256 CHECK (length(digest) = 32)
);

-- name: list_migrations
-- What was applied, oldest first.
SELECT version, name, digest FROM schema_migrations ORDER BY version;

-- name: add_migration
-- Written in the transaction that applied it.
INSERT INTO schema_migrations (version, name, digest) VALUES ($1, $2, $3);

-- name: server_clock
-- The database's own time, not its transaction's.
SELECT clock_timestamp();

-- name: service_role
-- Whether the role that the service works as is there.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'like_ledger_service');
