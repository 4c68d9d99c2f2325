-- Every like has its own position in its batch, and its leaf in the tree of the batch. A like of an
-- older release that never counted may lack one.
-- scans: likes
WITH leaves AS (
    SELECT batch_id, bucket, campaign_id, unnest(positions) AS position FROM like_batches
)
SELECT l.campaign_id, l.batch_id, l.bucket, l.position, l.state::text AS state
FROM likes l
LEFT JOIN leaves b USING (campaign_id, batch_id, bucket, position)
WHERE l.day IS NOT NULL AND (l.lacks_leaf IS NOT TRUE OR l.state = 'counted') AND b.batch_id IS NULL
UNION ALL
SELECT campaign_id, batch_id, bucket, position, count(*) || ' likes' FROM likes
GROUP BY campaign_id, batch_id, bucket, position HAVING count(*) > 1
UNION ALL
SELECT l.campaign_id, l.batch_id, l.bucket, NULL, 'no such batch'
FROM (SELECT DISTINCT campaign_id, batch_id, bucket FROM likes) l
LEFT JOIN like_batches b USING (campaign_id, batch_id, bucket)
WHERE b.batch_id IS NULL
ORDER BY campaign_id, batch_id, position;
