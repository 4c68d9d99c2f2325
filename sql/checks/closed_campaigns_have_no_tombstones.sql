-- A closed campaign has no tombstones: it accepts no like that they could stop.
SELECT c.slug, count(*) AS tombstones
FROM campaigns c
JOIN like_tombstones t USING (campaign_id)
WHERE c.closed_at IS NOT NULL
GROUP BY c.slug
ORDER BY c.slug;
