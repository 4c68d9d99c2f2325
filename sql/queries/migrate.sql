-- name: lock_migrations
-- Migrate one instance at a time; the others wait and then find nothing to apply.
SELECT pg_advisory_xact_lock(72, 1);

-- name: find_schema_migrations
-- Find the runner's table; null in a database without migrations.
SELECT to_regclass('public.schema_migrations')::text;

-- name: create_schema_migrations
-- Create the runner's table.
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text  NOT NULL,
    digest     bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT schema_migrations_digest_is_sha256 CHECK (length(digest) = 32)
);

-- name: list_migrations
-- List the applied migrations, oldest first.
SELECT version, name, digest FROM schema_migrations ORDER BY version;

-- name: add_migration
-- Insert a migration in the transaction that applied it.
INSERT INTO schema_migrations (version, name, digest) VALUES ($1, $2, $3);

-- name: read_server_clock
-- Return the current time of the database, not of its transaction.
SELECT clock_timestamp();

-- name: has_service_role
-- Return whether the role of the service exists.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'like_ledger_service');

-- name: test_write
-- Write a record to the write-ahead log, which the commit makes durable and replicates, and read the
-- catalogue; NULL if the session may only read. Changes no table.
SELECT CASE WHEN current_setting('transaction_read_only')::boolean THEN NULL
    ELSE pg_logical_emit_message(true, 'like-ledger', 'ready')::text END
FROM catalogue_version;

-- name: read_session
-- Return the id of the session's server process, and one of its settings.
SELECT pg_backend_pid() AS pid, current_setting('plan_cache_mode') AS plan_cache_mode;

-- name: is_login_privileged
-- Return whether the user that logged in owns the tables, or could make itself their owner.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = session_user AND (rolsuper OR rolcreaterole))
    OR EXISTS (SELECT FROM pg_class WHERE relname = 'transfers' AND pg_has_role(session_user, relowner, 'MEMBER'));
