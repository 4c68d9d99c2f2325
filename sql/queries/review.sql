-- name: list_cases
-- List cases with their number of likes and people.
SELECT k.case_id, c.slug, k.ruleset, k.rule, k.family, k.is_counting, k.is_breaker, k.evidence, k.opened_at, k.due_at,
    k.closed_at, k.outcome, n.likes, n.people, n.first_day, n.last_day
FROM cases k
JOIN campaigns c USING (campaign_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS likes, count(DISTINCT person) AS people, min(day) AS first_day, max(day) AS last_day
    FROM case_likes WHERE case_id = k.case_id
) n
WHERE ($1::text IS NULL OR c.slug = $1) AND ($2::boolean IS NULL OR (k.closed_at IS NULL) = $2)
    AND ($3::text IS NULL OR k.family = $3) AND ($4::timestamptz IS NULL OR k.opened_at < $4)
    AND ($5::text[] IS NULL OR k.case_id = ANY($5));

-- name: lock_case
-- Lock a case until the transaction ends, and return its campaign.
SELECT c.slug FROM cases k JOIN campaigns c USING (campaign_id) WHERE k.case_id = $1 FOR UPDATE OF k;

-- name: find_case_campaign
-- Find the campaign of a case.
SELECT c.slug FROM cases k JOIN campaigns c USING (campaign_id) WHERE k.case_id = $1;

-- name: measure_cases
-- Return by case and day how many likes more would count if its likes were released, and how many
-- fewer if they were void. Arrays: the campaign's days, and each day's limit, null for none.
WITH members AS (
    SELECT c.case_id, l.bucket, l.person, l.day,
        count(*) FILTER (WHERE l.state IN ('counted', 'over_limit')) AS live,
        count(*) FILTER (WHERE l.state IN ('quarantined', 'void') AND NOT l.is_low_quality) AS returnable
    FROM case_likes c JOIN likes l USING (campaign_id, content, person, bucket)
    WHERE c.campaign_id = $1 AND c.case_id = ANY($2::text[]) AND l.day IS NOT NULL
    GROUP BY c.case_id, l.bucket, l.person, l.day
), limits AS (
    SELECT m.*, n.likes_max, CASE WHEN n.likes_max IS NULL THEN m.live ELSE coalesce(p.live, 0) END AS day_live
    FROM members m
    LEFT JOIN unnest($3::date[], $4::integer[]) AS n (day, likes_max) ON n.day = m.day
    LEFT JOIN person_days p
        ON p.campaign_id = $1 AND (p.person, p.day, p.bucket) = (m.person, m.day, m.bucket)
)
-- least() ignores a null limit.
SELECT case_id, day,
    sum(least(likes_max, day_live + returnable) - least(likes_max, day_live))::bigint AS more,
    sum(least(likes_max, day_live) - least(likes_max, day_live - live))::bigint AS fewer
FROM limits GROUP BY case_id, day ORDER BY case_id, day;

-- name: hash_cases
-- Return a digest of the likes of cases and their verdicts: what a decision is about.
SELECT c.case_id, sha256(convert_to(string_agg(
    length(c.content) || ':' || c.content || encode(c.person, 'hex') || coalesce(l.verdict::text, '-'), ';'
    ORDER BY c.content COLLATE "C", c.person
), 'UTF8')) AS digest
FROM case_likes c LEFT JOIN likes l USING (campaign_id, content, person, bucket)
WHERE c.case_id = ANY($1::text[]) GROUP BY c.case_id;

-- name: list_likes_of_case
-- List the likes of a case with what decides about them.
SELECT c.content, c.person, l.verdict::text AS verdict, l.is_suspect, v.families, v.rules, v.stage
FROM case_likes c
JOIN likes l USING (campaign_id, content, person, bucket)
LEFT JOIN verdicts v USING (campaign_id, content, person, bucket)
WHERE c.case_id = $1 ORDER BY c.content, c.person;

-- name: count_verdicts_of_case
-- Count the likes of a case by verdict; the key of those without one is empty.
SELECT coalesce(l.verdict::text, '') AS verdict, count(*) AS likes
FROM case_likes c JOIN likes l USING (campaign_id, content, person, bucket)
WHERE c.case_id = $1 GROUP BY 1 ORDER BY 1;

-- name: list_case_likes
-- List likes in cases, by campaign, content and person.
SELECT c.case_id, g.slug, c.content, c.person, l.day, l.state::text AS state, l.verdict::text AS verdict, l.event_at,
    v.families, v.rules, v.ruleset, v.stage, v.decided_by, v.decided_at, b.batch_id, l.position, b.nonce_key
FROM case_likes c
JOIN campaigns g USING (campaign_id)
JOIN likes l USING (campaign_id, content, person, bucket)
LEFT JOIN verdicts v USING (campaign_id, content, person, bucket)
LEFT JOIN like_batches b ON b.campaign_id = l.campaign_id AND b.bucket = l.bucket AND b.batch_id = l.batch_id
WHERE ($1::text IS NULL OR c.case_id = $1)
    AND ($2::text IS NULL OR (g.slug, c.content, c.person) > ($2, $3, $4::bytea))
ORDER BY g.slug, c.content, c.person LIMIT $5;

-- name: find_reviewed_like
-- Find what rules and people decided about a like, and its case.
SELECT l.day, l.state::text AS state, l.verdict::text AS verdict, l.event_at, v.families, v.rules, v.ruleset, v.stage,
    v.decided_by, v.decided_at, c.case_id
FROM campaigns g
JOIN likes l USING (campaign_id)
LEFT JOIN verdicts v USING (campaign_id, content, person, bucket)
LEFT JOIN case_likes c USING (campaign_id, content, person, bucket)
WHERE g.slug = $1 AND l.content = $2 AND l.person = $3;

-- name: list_related_cases
-- List the other cases of the people of a case, most of them in common first.
SELECT o.case_id, k.family, k.closed_at, k.outcome, count(DISTINCT o.person) AS people
FROM case_likes c
JOIN case_likes o ON o.campaign_id = c.campaign_id AND o.person = c.person AND o.case_id <> c.case_id
JOIN cases k ON k.case_id = o.case_id
WHERE c.case_id = $1
GROUP BY o.case_id, k.family, k.closed_at, k.outcome ORDER BY people DESC, o.case_id LIMIT $2;

-- name: list_case_steps
-- List what people and rules did with a case, oldest first.
SELECT number, action, by, approved_by, at, likes, note FROM case_steps WHERE case_id = $1 ORDER BY number;

-- name: add_case_step
-- Add the next step of a case.
INSERT INTO case_steps (case_id, number, action, by, approved_by, at, likes, note)
SELECT $1, 1 + coalesce(max(number), 0), $2, $3, $4, $5, $6, $7 FROM case_steps WHERE case_id = $1;

-- name: decide_case
-- Close a case with its outcome; a decided one keeps its time and gets the new outcome.
UPDATE cases SET closed_at = coalesce(closed_at, $2), outcome = $3 WHERE case_id = $1;

-- name: read_case_backlog
-- Return the number of open cases, and when the oldest was opened.
SELECT count(*) AS cases, min(opened_at) AS oldest_at FROM cases WHERE closed_at IS NULL;

-- name: read_ruleset_bodies
-- Read rulesets by campaign and version.
SELECT campaign_id, version, body FROM rulesets
JOIN unnest($1::integer[], $2::bigint[]) AS n (campaign_id, version) USING (campaign_id, version);
