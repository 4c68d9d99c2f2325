"""The schema of a database from PostgreSQL's catalogue, to compare two databases."""

import re

import asyncpg

_PARTS = {
    "columns": """
        SELECT table_name, column_name, udt_name, is_nullable, column_default, is_generated, identity_generation
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """
        SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid)
        FROM pg_constraint c WHERE c.connamespace = 'public'::regnamespace""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "types": """
        SELECT t.typname, e.enumlabel, e.enumsortorder FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid""",
    "sequences": "SELECT sequencename, data_type::text FROM pg_sequences WHERE schemaname = 'public'",
    "storage": """
        SELECT attrelid::regclass::text, attname, attstorage::text
        FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND attnum > 0
            AND NOT attisdropped""",
}
_BY_RUNNER = re.compile(r"schema_migrations|observations_\d{8}")  # its table, and a partition for each day


async def catalog(conn: asyncpg.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return every part of the schema, sorted, without what the migration runner adds."""
    parts = {name: [tuple(row) for row in await conn.fetch(text)] for name, text in _PARTS.items()}
    return {name: sorted((r for r in rows if not _BY_RUNNER.search(str(r))), key=str) for name, rows in parts.items()}
