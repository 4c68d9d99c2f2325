-- The pledged and settled money equals exactly what the counted likes earn under the terms and the
-- budget. It is more only if no pledge is left to reverse, or if a closed campaign was topped up to
-- its floor.
WITH RECURSIVE effective_terms AS (
    SELECT DISTINCT ON (campaign_id, from_day) campaign_id, from_day, amount_minor, per_likes, daily_cap_minor
    FROM terms ORDER BY campaign_id, from_day, version DESC
), spans AS (
    SELECT *, lead(from_day) OVER campaign AS until_day, row_number() OVER campaign AS number FROM effective_terms
    WINDOW campaign AS (PARTITION BY campaign_id ORDER BY from_day)
), parts AS (  -- earned by the days of each version, as a fraction over its `per_likes`
    SELECT
        s.campaign_id, s.number, s.per_likes::numeric AS denominator,
        coalesce(
            sum(LEAST(s.daily_cap_minor::numeric * s.per_likes, coalesce(d.counted, 0)::numeric * s.amount_minor)), 0
        ) AS numerator
    FROM spans s
    LEFT JOIN day_counts d
        ON d.campaign_id = s.campaign_id AND d.day >= s.from_day AND (s.until_day IS NULL OR d.day < s.until_day)
    GROUP BY s.campaign_id, s.number, s.per_likes
), sums AS (  -- summed version by version
    SELECT campaign_id, number, numerator, denominator FROM parts WHERE number = 1
    UNION ALL
    SELECT
        s.campaign_id, p.number,
        s.numerator * div(c.common, s.denominator) + p.numerator * div(c.common, p.denominator), c.common
    FROM sums s
    JOIN parts p ON p.campaign_id = s.campaign_id AND p.number = s.number + 1
    CROSS JOIN LATERAL (SELECT lcm(s.denominator, p.denominator) AS common) c
), totals AS (
    SELECT DISTINCT ON (campaign_id) campaign_id, div(numerator, denominator) AS earned_minor
    FROM sums ORDER BY campaign_id, number DESC
), balances AS (
    SELECT
        campaign AS slug, sum(balance_minor) AS funded_minor,
        coalesce(sum(balance_minor) FILTER (WHERE kind = 'pledged'), 0) AS pledged_minor,
        coalesce(sum(balance_minor) FILTER (WHERE kind <> 'budget'), 0) AS earned_minor
    FROM accounts WHERE kind <> 'world' GROUP BY campaign
)
SELECT c.slug, d.due_minor, coalesce(l.earned_minor, 0) AS earned_minor
FROM campaigns c
LEFT JOIN totals t USING (campaign_id)
LEFT JOIN balances l USING (slug)
CROSS JOIN LATERAL (SELECT LEAST(coalesce(l.funded_minor, 0), coalesce(t.earned_minor, 0)) AS due_minor) d
WHERE coalesce(l.earned_minor, 0) < d.due_minor
    OR (
        l.earned_minor > d.due_minor AND l.pledged_minor > 0
        AND NOT (c.closed_at IS NOT NULL AND l.earned_minor <= c.floor_minor)
    )
ORDER BY c.slug;
