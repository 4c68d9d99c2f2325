-- A person's like of a content is stored at most once in a campaign, whatever its bucket.
-- scans: likes
SELECT campaign_id, content, person, count(*) AS likes FROM likes
GROUP BY campaign_id, content, person HAVING count(*) > 1
ORDER BY campaign_id, content, person;
