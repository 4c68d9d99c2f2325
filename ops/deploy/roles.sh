#!/bin/sh
# Run once by PostgreSQL's image, when the database is made: who owns the tables, and who serves.
# The passwords come from the environment: OWNER_PASSWORD, APP_PASSWORD. Rights on tables are granted by `migrate`.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname="$POSTGRES_DB" <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
\getenv database POSTGRES_DB
CREATE ROLE like_ledger_service NOLOGIN;
CREATE ROLE like_ledger_reader NOLOGIN;
CREATE ROLE like_ledger_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE like_ledger_app LOGIN PASSWORD :'app_password' IN ROLE like_ledger_service;
GRANT like_ledger_service, like_ledger_reader TO like_ledger_owner WITH ADMIN OPTION;
ALTER DATABASE :"database" OWNER TO like_ledger_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO like_ledger_app;
SQL
