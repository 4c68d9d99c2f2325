-- What is pledged or settled is exactly what the counted likes have earned under the terms and the budget; it is more
-- only where no pledge is left to take it back from, or where a closed campaign was topped up to its floor.
WITH RECURSIVE held AS (
    SELECT DISTINCT ON (campaign_id, from_day) campaign_id, from_day, amount_minor, per_likes, daily_cap_minor
    FROM terms ORDER BY campaign_id, from_day, version DESC
), spans AS (
    SELECT *, lead(from_day) OVER campaign AS until_day, row_number() OVER campaign AS place FROM held
    WINDOW campaign AS (PARTITION BY campaign_id ORDER BY from_day)
), parts AS (  -- what each version's days earn, as a fraction with the version's own denominator
    SELECT
        s.campaign_id, s.place, s.per_likes::numeric AS denominator,
        coalesce(
            sum(LEAST(s.daily_cap_minor::numeric * s.per_likes, coalesce(d.counted, 0)::numeric * s.amount_minor)), 0
        ) AS numerator
    FROM spans s
    LEFT JOIN day_counts d
        ON d.campaign_id = s.campaign_id AND d.day >= s.from_day AND (s.until_day IS NULL OR d.day < s.until_day)
    GROUP BY s.campaign_id, s.place, s.per_likes
), sums AS (  -- added up one after the other
    SELECT campaign_id, place, numerator, denominator FROM parts WHERE place = 1
    UNION ALL
    SELECT
        s.campaign_id, p.place,
        s.numerator * div(c.common, s.denominator) + p.numerator * div(c.common, p.denominator), c.common
    FROM sums s
    JOIN parts p ON p.campaign_id = s.campaign_id AND p.place = s.place + 1
    CROSS JOIN LATERAL (SELECT lcm(s.denominator, p.denominator) AS common) c
), totals AS (
    SELECT DISTINCT ON (campaign_id) campaign_id, div(numerator, denominator) AS earned_minor
    FROM sums ORDER BY campaign_id, place DESC
), line AS (
    SELECT
        campaign AS slug, sum(balance_minor) AS funded_minor,
        coalesce(sum(balance_minor) FILTER (WHERE kind = 'pledged'), 0) AS pledged_minor,
        coalesce(sum(balance_minor) FILTER (WHERE kind <> 'budget'), 0) AS earned_minor
    FROM accounts WHERE kind <> 'world' GROUP BY campaign
)
SELECT c.slug, d.due_minor, coalesce(l.earned_minor, 0) AS earned_minor
FROM campaigns c
LEFT JOIN totals t USING (campaign_id)
LEFT JOIN line l USING (slug)
CROSS JOIN LATERAL (SELECT LEAST(coalesce(l.funded_minor, 0), coalesce(t.earned_minor, 0)) AS due_minor) d
WHERE coalesce(l.earned_minor, 0) < d.due_minor
    OR (
        l.earned_minor > d.due_minor AND l.pledged_minor > 0
        AND NOT (c.closed_at IS NOT NULL AND l.earned_minor <= c.floor_minor)
    )
ORDER BY c.slug;
