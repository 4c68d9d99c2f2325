-- name: list_campaigns_to_judge
-- List the campaigns that have unjudged observations.
SELECT campaign_id FROM campaigns c
WHERE EXISTS (SELECT FROM observations o WHERE o.campaign_id = c.campaign_id AND o.judged_at IS NULL)
ORDER BY campaign_id;

-- name: list_unjudged_observations
-- List a campaign's unjudged observations without their bytes, those recorded first.
SELECT batch_id, bucket, recorded_at, first_at, last_at, likes FROM observations
WHERE campaign_id = $1 AND judged_at IS NULL ORDER BY recorded_at, batch_id LIMIT $2;

-- name: list_observations_before
-- List a campaign's observations whose last event lies between two moments, the latest first.
SELECT batch_id, bucket, recorded_at, first_at, last_at, likes FROM observations
WHERE campaign_id = $1 AND last_at >= $2 AND last_at <= $3 ORDER BY last_at DESC, batch_id LIMIT $4;

-- name: list_observations_after
-- List a campaign's observations whose last event lies between two moments, the earliest first.
SELECT batch_id, bucket, recorded_at, first_at, last_at, likes FROM observations
WHERE campaign_id = $1 AND last_at > $2 AND last_at <= $3 ORDER BY last_at, batch_id LIMIT $4;

-- name: read_packed_observations
-- Read the bytes of observations by their keys; those that expired meanwhile are left out.
SELECT o.packed FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[]) AS k (batch_id, bucket, recorded_at)
JOIN observations o USING (batch_id, bucket, recorded_at);

-- name: mark_judged
-- Mark observations judged, each once: a pass of another instance may have been faster.
UPDATE observations o SET judged_at = clock_timestamp()
FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[]) AS k (batch_id, bucket, recorded_at)
WHERE (o.batch_id, o.bucket, o.recorded_at) = (k.batch_id, k.bucket, k.recorded_at) AND o.judged_at IS NULL;

-- name: read_observations_of_events
-- Read a campaign's observations with an event between two moments.
SELECT batch_id, bucket, recorded_at, likes, judged_at IS NULL AS is_unjudged, packed FROM observations
WHERE campaign_id = $1 AND last_at >= $2 AND first_at < $3;

-- name: count_observations_of_events
-- Count the likes in a campaign's observations with an event between two moments.
SELECT coalesce(sum(likes), 0)::bigint FROM observations
WHERE campaign_id = $1 AND last_at >= $2 AND first_at < $3;

-- name: has_observations_judged_after
-- Return whether observations with an event between two moments are unjudged, or were judged after
-- a moment: a pass that ended then has not read them.
SELECT EXISTS (
    SELECT FROM observations
    WHERE campaign_id = $1 AND last_at >= $2 AND first_at < $3 AND (judged_at IS NULL OR judged_at > $4)
);

-- name: read_stored_likes
-- Read what is stored of likes, by their positions in the arrays from 1.
SELECT n.position, l.bucket, l.day, l.verdict::text AS verdict, l.is_suspect, v.families, v.rules, v.ruleset, c.case_id,
    k.closed_at IS NULL AS is_case_open, k.is_counting
FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS n (content, person, position)
CROSS JOIN LATERAL (
    SELECT bucket, day, verdict, is_suspect FROM likes
    WHERE campaign_id = $1 AND content = n.content AND person = n.person LIMIT 1
) l
LEFT JOIN LATERAL (
    SELECT families, rules, ruleset FROM verdicts
    WHERE campaign_id = $1 AND content = n.content AND person = n.person LIMIT 1
) v ON true
LEFT JOIN LATERAL (
    SELECT case_id FROM case_likes WHERE campaign_id = $1 AND content = n.content AND person = n.person LIMIT 1
) c ON true
LEFT JOIN cases k ON k.case_id = c.case_id;

-- name: list_held_likes
-- List the likes after a day that rules hold: by a verdict, or as intake suspected them.
SELECT content, person FROM verdicts WHERE campaign_id = $1 AND day > $2 AND verdict = 'held'
UNION
SELECT content, person FROM likes WHERE campaign_id = $1 AND day > $2 AND is_suspect AND verdict IS NULL;

-- name: find_settled_day
-- Find the last day of a campaign that a settlement took; null if none did.
SELECT max(cut_off) FROM settlements s
WHERE campaign = $1 AND NOT EXISTS (
    SELECT FROM payouts p JOIN payout_steps t USING (payout_id)
    WHERE p.settlement_id = s.settlement_id AND t.state = 'cancelled'
);

-- name: find_ruleset_version
-- Find the newest version of a campaign's rules; 0 if it has none.
SELECT coalesce(max(version), 0) FROM rulesets WHERE campaign_id = $1;

-- name: store_closing_pass
-- Store the last judgement of a period; a later one of the same period replaces it.
INSERT INTO closing_passes AS p (
    campaign_id, period, cut_off, due_at, ruleset, likes, held_likes, digest, not_judged, judged_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp())
ON CONFLICT (campaign_id, period) DO UPDATE SET
    cut_off = excluded.cut_off, due_at = excluded.due_at, ruleset = excluded.ruleset, likes = excluded.likes,
    held_likes = excluded.held_likes, digest = excluded.digest, not_judged = excluded.not_judged,
    judged_at = excluded.judged_at;

-- name: find_closing_pass
-- Find the closing pass of a period.
SELECT cut_off, due_at, ruleset, judged_at FROM closing_passes WHERE campaign_id = $1 AND period = $2;

-- name: list_case_people
-- List the people of a campaign's open cases.
SELECT k.case_id, k.is_counting, k.is_breaker, array_agg(DISTINCT l.person) AS people
FROM cases k JOIN case_likes l USING (case_id)
WHERE k.campaign_id = $1 AND k.closed_at IS NULL
GROUP BY k.case_id ORDER BY k.case_id;

-- name: list_counting_likes
-- List the likes after a day that count while their open case waits for people.
SELECT l.content, l.person FROM cases k JOIN case_likes l USING (case_id)
WHERE k.campaign_id = $1 AND k.closed_at IS NULL AND k.is_counting AND l.day > $2;

-- name: add_cases
-- Open cases.
INSERT INTO cases (case_id, campaign_id, ruleset, rule, family, is_counting, is_breaker, evidence, opened_at, due_at)
SELECT n.case_id, $1, $2, n.rule, n.family, n.is_counting, n.is_breaker, n.evidence, $3, $4
FROM unnest($5::text[], $6::text[], $7::text[], $8::boolean[], $9::boolean[], $10::text[])
    AS n (case_id, rule, family, is_counting, is_breaker, evidence);

-- name: update_case_evidence
-- Store the newest evidence of open cases.
UPDATE cases k SET evidence = n.evidence FROM unnest($1::text[], $2::text[]) AS n (case_id, evidence)
WHERE k.case_id = n.case_id AND k.closed_at IS NULL;

-- name: put_likes_into_cases
-- Put likes into cases; a like of another case leaves it. Returns the cases that likes left.
WITH incoming AS (
    SELECT n.*, l.bucket, l.day FROM unnest($2::text[], $3::bytea[], $4::text[]) AS n (content, person, case_id)
    CROSS JOIN LATERAL (
        SELECT bucket, day FROM likes
        WHERE campaign_id = $1 AND content = n.content AND person = n.person AND day IS NOT NULL LIMIT 1
    ) l
), left_cases AS (
    SELECT DISTINCT c.case_id FROM incoming n
    JOIN case_likes c ON c.campaign_id = $1 AND (c.content, c.person) = (n.content, n.person)
        AND c.case_id <> n.case_id
), stored AS (
    INSERT INTO case_likes (campaign_id, bucket, content, person, day, case_id)
    SELECT $1, bucket, content, person, day, case_id FROM incoming ORDER BY content, person
    ON CONFLICT (campaign_id, content, person, bucket) DO UPDATE SET case_id = excluded.case_id, day = excluded.day
)
SELECT case_id FROM left_cases;

-- name: take_likes_out_of_cases
-- Take likes out of their open cases; return how many left each.
WITH deleted AS (
    DELETE FROM case_likes c USING unnest($2::text[], $3::bytea[]) AS n (content, person), cases k
    WHERE c.campaign_id = $1 AND (c.content, c.person) = (n.content, n.person)
        AND k.case_id = c.case_id AND k.closed_at IS NULL
    RETURNING c.case_id
)
SELECT case_id, count(*) AS likes FROM deleted GROUP BY case_id ORDER BY case_id;

-- name: close_empty_cases
-- Close open cases that have no like left.
UPDATE cases k SET closed_at = $2, outcome = 'cleared'
WHERE k.case_id = ANY($1::text[]) AND k.closed_at IS NULL
    AND NOT EXISTS (SELECT FROM case_likes l WHERE l.case_id = k.case_id)
RETURNING k.case_id;

-- name: close_case
-- Close a case with its outcome.
UPDATE cases SET closed_at = $2, outcome = $3 WHERE case_id = $1 AND closed_at IS NULL;

-- name: add_rule_steps
-- Add a step of the rules to cases, each with its number of likes.
INSERT INTO case_steps (case_id, number, action, by, at, likes)
SELECT n.case_id, 1 + coalesce((SELECT max(s.number) FROM case_steps s WHERE s.case_id = n.case_id), 0), $1, $2, $3,
    n.likes
FROM unnest($4::text[], $5::bigint[]) AS n (case_id, likes);

-- name: list_due_cases
-- List open cases that are due, the oldest first.
SELECT case_id, campaign_id, ruleset, is_counting FROM cases
WHERE closed_at IS NULL AND due_at <= $1 ORDER BY due_at, case_id LIMIT $2;

-- name: lock_due_case
-- Lock a case that is still open; no row if somebody closed it meanwhile.
SELECT is_counting FROM cases WHERE case_id = $1 AND closed_at IS NULL FOR UPDATE;

-- name: list_case_held_likes
-- List the held likes of a case with their families and rules.
SELECT l.content, l.person, v.families, v.rules FROM case_likes l
JOIN verdicts v USING (campaign_id, content, person, bucket)
WHERE l.case_id = $1 AND v.verdict = 'held' ORDER BY l.content, l.person;

-- name: count_open_cases
-- Count a campaign's open cases; return the last due moment too.
SELECT count(*) AS cases, max(due_at) AS last_due_at FROM cases WHERE campaign_id = $1 AND closed_at IS NULL;

-- name: find_waiting_cases
-- Find the open cases that a settlement of the days between two days, the first excluded, waits for.
SELECT k.case_id, count(*) AS likes FROM cases k JOIN case_likes l USING (case_id)
WHERE k.campaign_id = $1 AND k.closed_at IS NULL AND k.is_breaker AND l.day > $2 AND l.day <= $3
GROUP BY k.case_id, k.opened_at ORDER BY k.opened_at, k.case_id;

-- name: read_judging_backlog
-- Return when the oldest unjudged observation of judged campaigns was recorded, the number of open
-- cases, and when the oldest was opened.
SELECT
    (SELECT min(recorded_at) FROM observations WHERE judged_at IS NULL AND campaign_id = ANY($1::integer[]))
        AS unjudged_since,
    (SELECT count(*) FROM cases WHERE closed_at IS NULL) AS open_cases,
    (SELECT min(opened_at) FROM cases WHERE closed_at IS NULL) AS oldest_case_at;

-- name: create_observation_partitions
-- Create the partitions of observations for a day and days after it; return the number of those
-- that could not be created, because rows of their day are stored already.
SELECT count(*) FILTER (WHERE NOT create_observations_partition(day::date))
FROM generate_series($1::date, $1::date + $2::integer, interval '1 day') AS day;

-- name: delete_expired_observations
-- Delete a campaign's observations that were recorded before a moment and whose events all lie
-- before another.
DELETE FROM observations o USING (
    SELECT batch_id, bucket, recorded_at FROM observations
    WHERE campaign_id = $1 AND recorded_at < $2 AND last_at < $3 LIMIT $4
) d
WHERE (o.batch_id, o.bucket, o.recorded_at) = (d.batch_id, d.bucket, d.recorded_at);

-- name: drop_empty_observation_partitions
-- Drop the partitions of observations that end before a day and are empty; return their number.
SELECT drop_empty_observations_partitions($1);

-- name: find_first_case_day
-- Find the first day with a like in an open case of a campaign; null if there is none.
SELECT min(l.day) FROM cases k JOIN case_likes l USING (case_id) WHERE k.campaign_id = $1 AND k.closed_at IS NULL;

-- name: list_observed_campaigns
-- List the campaigns with observations recorded before a moment.
SELECT campaign_id FROM campaigns c
WHERE EXISTS (SELECT FROM observations o WHERE o.campaign_id = c.campaign_id AND o.recorded_at < $1);

-- name: read_observation_storage
-- Return the rows that no partition of their day took (at most 1,000 are counted), the last day
-- that has a partition, and when the oldest observation was recorded.
SELECT
    (SELECT count(*) FROM (SELECT FROM observations_rest LIMIT 1000) r) AS rest_rows,
    (
        SELECT max(to_date(substring(c.relname FROM 'observations_(\d{8})$'), 'YYYYMMDD'))
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'observations'::regclass AND c.relname ~ '^observations_\d{8}$'
    ) AS last_day,
    (SELECT min(recorded_at) FROM observations) AS oldest_at;
