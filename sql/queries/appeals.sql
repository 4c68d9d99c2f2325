-- name: add_appeals
-- Add appeals, sorted by key so that overlapping requests never deadlock; a like has one for each verdict.
INSERT INTO appeals (appeal_id, campaign_id, bucket, content, person, platform_id, verdict_at, message, opened_at)
SELECT n.appeal_id, $1, $2, n.content, n.person, $3, n.verdict_at, n.message, $4
FROM unnest($5::text[], $6::text[], $7::bytea[], $8::timestamptz[], $9::text[])
    AS n (appeal_id, content, person, verdict_at, message)
ORDER BY n.content COLLATE "C", n.person
ON CONFLICT ON CONSTRAINT appeals_are_once_for_a_verdict DO NOTHING;

-- name: list_appeals_of_verdicts
-- List the appeals against verdicts, in the order of the arrays.
SELECT n.number::integer, a.appeal_id, a.outcome
FROM unnest($3::text[], $4::bytea[], $5::timestamptz[]) WITH ORDINALITY AS n (content, person, verdict_at, number)
JOIN appeals a ON a.campaign_id = $1 AND a.bucket = $2 AND a.content = n.content AND a.person = n.person
    AND a.verdict_at = n.verdict_at;

-- name: list_repeated_appeals
-- List the newest appeal of each like with the same message, in the order of the arrays.
SELECT n.number::integer, a.appeal_id, a.outcome
FROM unnest($3::text[], $4::bytea[], $5::text[]) WITH ORDINALITY AS n (content, person, message, number)
CROSS JOIN LATERAL (
    SELECT o.appeal_id, o.outcome FROM appeals o
    WHERE o.campaign_id = $1 AND o.bucket = $2 AND o.content = n.content AND o.person = n.person
        AND o.message = n.message
    ORDER BY o.opened_at DESC, o.appeal_id LIMIT 1
) a;

-- name: list_appeals
-- List appeals with the like and its verdict now, oldest first.
SELECT a.appeal_id, c.slug, p.name AS platform, a.content, a.message, a.opened_at, a.outcome, a.decided_by,
    a.approved_by, a.decided_at, a.reason, l.day, l.state::text AS state, v.verdict::text AS verdict, v.families,
    v.stage, v.decided_by AS verdict_by, v.decided_at AS verdict_at, k.case_id, l.batch_id, l.position, b.nonce_key,
    b.nonces
FROM appeals a
JOIN campaigns c USING (campaign_id)
JOIN platforms p USING (platform_id)
LEFT JOIN likes l ON l.campaign_id = a.campaign_id AND l.content = a.content AND l.person = a.person
    AND l.bucket = a.bucket
LEFT JOIN verdicts v ON v.campaign_id = a.campaign_id AND v.content = a.content AND v.person = a.person
    AND v.bucket = a.bucket
LEFT JOIN case_likes k ON k.campaign_id = a.campaign_id AND k.content = a.content AND k.person = a.person
    AND k.bucket = a.bucket
LEFT JOIN like_batches b ON b.batch_id = l.batch_id AND b.bucket = l.bucket
WHERE ($1::text IS NULL OR c.slug = $1) AND ($2::text IS NULL OR coalesce(a.outcome, 'open') = $2)
    AND ($3::timestamptz IS NULL OR (a.opened_at, a.appeal_id) > ($3, $4::text))
ORDER BY a.opened_at, a.appeal_id LIMIT $5;

-- name: find_appeal_campaign
-- Find the campaign of an appeal.
SELECT c.slug FROM appeals a JOIN campaigns c USING (campaign_id) WHERE a.appeal_id = $1;

-- name: lock_appeal
-- Lock an appeal until the transaction ends, and return it with the verdict now.
SELECT a.appeal_id, a.content, a.person, a.outcome, a.verdict_at, v.verdict::text AS verdict, v.families, v.rules,
    v.ruleset, v.decided_at
FROM appeals a
LEFT JOIN verdicts v ON v.campaign_id = a.campaign_id AND v.content = a.content AND v.person = a.person
    AND v.bucket = a.bucket
WHERE a.appeal_id = $1 FOR UPDATE OF a;

-- name: list_deciders_of_appeal
-- List the people who decided about the like of an appeal: its case, and earlier appeals.
SELECT unnest(ARRAY[s.by, s.approved_by]) AS person
FROM appeals a
JOIN case_likes k ON k.campaign_id = a.campaign_id AND k.content = a.content AND k.person = a.person
    AND k.bucket = a.bucket
JOIN case_steps s ON s.case_id = k.case_id AND s.action IN ('release', 'void')
WHERE a.appeal_id = $1
UNION
SELECT unnest(ARRAY[o.decided_by, o.approved_by])
FROM appeals a
JOIN appeals o ON o.campaign_id = a.campaign_id AND o.content = a.content AND o.person = a.person
    AND o.bucket = a.bucket AND o.appeal_id <> a.appeal_id
WHERE a.appeal_id = $1;

-- name: decide_appeal
-- Store the outcome of an open appeal.
UPDATE appeals SET outcome = $2, decided_by = $3, approved_by = $4, decided_at = $5, reason = $6
WHERE appeal_id = $1 AND outcome IS NULL;

-- name: count_appeals
-- Count the appeals: opened, upheld and rejected.
SELECT count(*) AS opened, count(*) FILTER (WHERE outcome = 'upheld') AS upheld,
    count(*) FILTER (WHERE outcome = 'rejected') AS rejected
FROM appeals;
