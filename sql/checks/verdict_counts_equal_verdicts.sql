-- The counts of verdicts by day, public family and decider equal the stored verdicts.
-- scans: verdicts
WITH stored AS (
    SELECT v.campaign_id, v.day, coalesce(f.family, 'other') AS family, v.decided_by,
        count(*) FILTER (WHERE v.verdict = 'held') AS held,
        count(*) FILTER (WHERE v.verdict IN ('cleared', 'released')) AS released,
        count(*) FILTER (WHERE v.verdict = 'void') AS void
    FROM verdicts v
    CROSS JOIN LATERAL (SELECT min(u.family COLLATE "C") AS family FROM unnest(v.families) AS u (family)) f
    GROUP BY 1, 2, 3, 4
)
SELECT campaign_id, day, family, decided_by, c.held, s.held AS stored_held, c.released, s.released AS stored_released,
    c.void, s.void AS stored_void
FROM verdict_counts c FULL JOIN stored s USING (campaign_id, day, family, decided_by)
WHERE (coalesce(c.held, 0), coalesce(c.released, 0), coalesce(c.void, 0))
    <> (coalesce(s.held, 0), coalesce(s.released, 0), coalesce(s.void, 0))
ORDER BY campaign_id, day, family, decided_by;
