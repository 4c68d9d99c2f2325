-- name: enrolled_elsewhere
-- The first of these contents that belong to another campaign which is not closed, and to which; so many.
SELECT e.content, c.slug FROM enrolments e
JOIN campaigns c USING (campaign_id)
WHERE e.content = ANY($2::text[]) AND e.campaign_id <> $1 AND c.closed_at IS NULL
ORDER BY e.content LIMIT $3;

-- name: enrol
-- New content, and such as a closed campaign leaves behind; what belongs to the campaign already stays as it is.
INSERT INTO enrolments AS e (content, campaign_id, version) SELECT unnest($2::text[]), $1, $3
ON CONFLICT (content) DO UPDATE
    SET campaign_id = excluded.campaign_id, enrolled_at = clock_timestamp(), version = excluded.version
WHERE e.campaign_id IS DISTINCT FROM excluded.campaign_id
RETURNING content;

-- name: remove_enrolments
-- The content is the campaign's no longer.
UPDATE enrolments SET campaign_id = NULL, version = $3 WHERE campaign_id = $1 AND content = ANY($2::text[])
RETURNING content;

-- name: enrolled
-- How many of these contents belong to the campaign.
SELECT count(*) FROM enrolments WHERE campaign_id = $1 AND content = ANY($2::text[]);

-- name: not_taken
-- The first of these contents that the campaign takes no like of: it is another's, or nobody's where content is
-- registered; and whose it is.
SELECT k.content, c.slug FROM unnest($2::text[]) AS k (content)
LEFT JOIN enrolments e USING (content)
LEFT JOIN campaigns c USING (campaign_id)
WHERE CASE WHEN e.campaign_id IS NULL THEN NOT $3::boolean ELSE e.campaign_id <> $1 END
ORDER BY k.content LIMIT 1;

-- name: pause
-- Take no like of these; what was paused already stays as it is.
INSERT INTO pauses AS p (content, campaign_id, paused_at, version) SELECT unnest($2::text[]), $1, $4, $3
ON CONFLICT (content, campaign_id) DO UPDATE
    SET paused_at = excluded.paused_at, resumed_at = NULL, version = excluded.version
WHERE p.resumed_at IS NOT NULL
RETURNING content;

-- name: resume
-- Take likes of these again.
UPDATE pauses SET resumed_at = greatest($4, paused_at), version = $3
WHERE campaign_id = $1 AND content = ANY($2::text[]) AND resumed_at IS NULL
RETURNING content;

-- name: list_content
-- What is enrolled or paused, by content and campaign; after one of them, so many. Every filter may be null.
WITH own AS (
    (
        SELECT e.content, c.slug, e.enrolled_at, NULL::timestamptz AS paused_at
        FROM enrolments e JOIN campaigns c USING (campaign_id)
        WHERE $6::boolean IS NOT TRUE AND ($4::text IS NULL OR c.slug = $4) AND ($5::text IS NULL OR e.content = $5)
            AND ($1::text IS NULL OR (e.content, c.slug) > ($1, $2))
            AND NOT EXISTS (
                SELECT FROM pauses p
                WHERE p.content = e.content AND p.campaign_id = e.campaign_id AND p.resumed_at IS NULL
            )
        ORDER BY e.content, c.slug LIMIT $3
    )
    UNION ALL
    (
        SELECT p.content, c.slug, e.enrolled_at, p.paused_at
        FROM pauses p JOIN campaigns c USING (campaign_id)
        LEFT JOIN enrolments e ON e.content = p.content AND e.campaign_id = p.campaign_id
        WHERE p.resumed_at IS NULL AND $6::boolean IS NOT FALSE
            AND ($4::text IS NULL OR c.slug = $4) AND ($5::text IS NULL OR p.content = $5)
            AND ($1::text IS NULL OR (p.content, c.slug) > ($1, $2))
        ORDER BY p.content, c.slug LIMIT $3
    )
)
SELECT content, slug, enrolled_at, paused_at FROM own ORDER BY content, slug LIMIT $3;

-- name: count_content
-- How much content a campaign has, and of how much it takes no like for now.
SELECT (SELECT count(*) FROM enrolments WHERE campaign_id = $1) AS enrolled,
    (SELECT count(*) FROM pauses WHERE campaign_id = $1 AND resumed_at IS NULL) AS paused;
