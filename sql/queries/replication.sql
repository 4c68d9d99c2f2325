-- name: commit_after_visible
-- Commit a record behind everything visible, if a synchronous standby must confirm it.
SELECT CASE WHEN current_setting('synchronous_standby_names') <> ''
    THEN pg_logical_emit_message(true, 'like-ledger', '') END;

-- name: read_timeline
-- Return the timeline of a primary, 8 hexadecimal digits: a promotion raises it.
SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8);

-- name: read_durability
-- Return what this session's commits wait for, and how many synchronous standbys can confirm one.
SELECT current_setting('fsync') = 'on'                                         AS fsync,
       current_setting('synchronous_commit')                                   AS synchronous_commit,
       current_setting('synchronous_standby_names')                            AS synchronous_standby_names,
       (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) AS standby_count,
       pg_has_role('pg_monitor', 'USAGE')                                      AS can_see_standbys;
