-- Judging: what the passes look up, and a partition of observations for each day.
-- squawk-ignore-file require-concurrent-index-creation

-- No instance runs meanwhile, so the locks stop nobody.
CREATE INDEX likes_suspect ON likes (campaign_id, day) WHERE is_suspect;
CREATE INDEX verdicts_held ON verdicts (campaign_id, day) WHERE verdict = 'held';
CREATE INDEX observations_by_campaign ON observations (campaign_id, recorded_at);

-- Create the partition of a day (UTC), also if another instance does so now. Returns false if the
-- default partition has rows of that day, which stay there until they expire, or if a long read
-- holds it: likes must not queue behind this.
CREATE FUNCTION create_observations_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    name text := 'observations_' || to_char(day, 'YYYYMMDD');
    starts timestamptz := day::timestamp AT TIME ZONE 'UTC';
    ends timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('observations_partitions'));
    IF to_regclass(name) IS NOT NULL THEN
        RETURN true;
    END IF;
    IF EXISTS (SELECT FROM observations_rest WHERE recorded_at >= starts AND recorded_at < ends) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE observations INCLUDING ALL)', name);
    EXECUTE format('ALTER TABLE observations ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, starts, ends);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END $$;

-- Drop the partitions of days before one that have no row left; returns their number. Gives up while
-- a long read holds them: likes must not queue behind this.
CREATE FUNCTION drop_empty_observations_partitions(before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    name text;
    is_empty boolean;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('observations_partitions'));
    FOR name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'observations'::regclass AND c.relname ~ '^observations_\d{8}$'
            AND c.relname < 'observations_' || to_char(before, 'YYYYMMDD')
        ORDER BY c.relname
    LOOP
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I)', name) INTO is_empty;
        IF is_empty THEN
            EXECUTE format('DROP TABLE %I', name);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
EXCEPTION WHEN lock_not_available THEN
    RETURN 0;
END $$;

SELECT create_observations_partition((clock_timestamp() AT TIME ZONE 'UTC')::date + n) FROM generate_series(0, 7) AS n;
