-- name: list_all_day_counts
-- List the days of all campaigns, in order.
SELECT campaign_id, day, counted, withdrawn, quarantined, void, over_limit, duplicate, low_quality FROM day_counts
ORDER BY campaign_id, day;

-- name: list_refusal_totals
-- List the refused likes of all campaigns by outcome, over all days.
SELECT campaign_id, outcome, sum(likes)::bigint AS likes FROM refusal_counts GROUP BY campaign_id, outcome;

-- name: list_people_counts
-- List the newest people count of all campaigns.
SELECT campaign_id, people, as_of FROM people_counts;

-- name: find_receipt_batch
-- Find a batch with its tree, its campaign, and the index of the leaf that commits to it.
SELECT c.slug, b.campaign_id, b.bucket, b.root, b.nonce_key, b.nonces, b.receipt_digests, b.positions, b.leaves,
    b.folded_at, q.leaf_index
FROM like_batches b
JOIN campaigns c USING (campaign_id)
LEFT JOIN leaf_queue q ON q.subject = 'count/' || b.folded_with || '/0'
WHERE b.batch_id = $1;

-- name: find_receipt_like
-- Find the like at a position of a batch, with the time that its leaf commits to, and with its verdict
-- and the ruleset behind it.
SELECT l.state::text AS state, l.person, l.content,
    (extract(epoch FROM coalesce(l.leaf_at, l.event_at)) * 1000000)::bigint AS event_us,
    v.verdict::text AS verdict, v.families, v.rules, v.ruleset, v.stage, v.decided_by, v.decided_at,
    r.body AS ruleset_body, (c.promise::jsonb #>> '{authenticity,appeal_days}')::integer AS appeal_days
FROM likes l
JOIN campaigns c USING (campaign_id)
LEFT JOIN verdicts v USING (campaign_id, content, person, bucket)
LEFT JOIN rulesets r ON r.campaign_id = l.campaign_id AND r.version = v.ruleset
WHERE l.campaign_id = $1 AND l.bucket = $2 AND l.batch_id = $3 AND l.position = $4;

-- name: find_counted_like
-- Find a counted like of a campaign in its newest batch whose nonces nobody erased.
SELECT b.batch_id, l.position, b.nonce_key
FROM like_batches b
JOIN campaigns c USING (campaign_id)
JOIN likes l ON l.campaign_id = b.campaign_id AND l.bucket = b.bucket AND l.batch_id = b.batch_id
WHERE c.slug = $1 AND l.state = 'counted' AND b.nonce_key IS NOT NULL
ORDER BY b.batch_id DESC LIMIT 1;

-- name: list_all_verdict_counts
-- List the verdicts of all campaigns by day, family and decider, in order.
SELECT campaign_id, day, family, decided_by, held, released, void FROM verdict_counts
WHERE held + released + void > 0
ORDER BY campaign_id, day, family, decided_by;

-- name: find_ruled_campaign
-- Find a campaign and when it closed.
SELECT campaign_id, closed_at FROM campaigns WHERE slug = $1;

-- name: list_ruleset_figures
-- List the newest ruleset of all campaigns.
SELECT DISTINCT ON (campaign_id) campaign_id, version, encode(sha256, 'hex') AS sha256, applied_at, live_from
FROM rulesets ORDER BY campaign_id, version DESC;

-- name: list_case_figures
-- List how many cases of all campaigns are open and decided, and the median time to a decision.
-- Cases that rules cleared were never decided.
SELECT campaign_id,
    count(*) FILTER (WHERE closed_at IS NULL) AS open,
    min(opened_at) FILTER (WHERE closed_at IS NULL) AS oldest_opened_at,
    count(*) FILTER (WHERE outcome <> 'cleared') AS decided,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY closed_at - opened_at) FILTER (WHERE outcome <> 'cleared')
        AS median_to_decision
FROM cases GROUP BY campaign_id;

-- name: list_appeal_figures
-- List how many appeals of all campaigns were opened, upheld and rejected.
SELECT campaign_id, count(*) AS opened, count(*) FILTER (WHERE outcome = 'upheld') AS upheld,
    count(*) FILTER (WHERE outcome = 'rejected') AS rejected
FROM appeals GROUP BY campaign_id;

-- name: list_not_judged
-- List what the closing passes of all campaigns could not judge, of the days that each pass closed.
SELECT DISTINCT p.campaign_id, e ->> 0 AS platform, (e ->> 1)::date AS day, e ->> 2 AS rule
FROM (
    SELECT campaign_id, cut_off, not_judged,
        lag(cut_off) OVER (PARTITION BY campaign_id ORDER BY period) AS closed_before
    FROM closing_passes
) p
CROSS JOIN LATERAL jsonb_array_elements(p.not_judged::jsonb) e
WHERE (e ->> 1)::date <= p.cut_off AND (p.closed_before IS NULL OR (e ->> 1)::date > p.closed_before)
ORDER BY campaign_id, day, platform, rule;
