-- Every held like of a judged batch belongs to an open case whose likes do not count.
-- scans: verdicts
SELECT v.campaign_id, v.content, v.day FROM verdicts v
JOIN likes l USING (campaign_id, content, person, bucket)
WHERE v.verdict = 'held'
    AND EXISTS (
        SELECT FROM observations o
        WHERE o.batch_id = l.batch_id AND o.bucket = l.bucket AND o.judged_at IS NOT NULL
    )
    AND NOT EXISTS (
        SELECT FROM case_likes c JOIN cases k USING (case_id)
        WHERE (c.campaign_id, c.content, c.person, c.bucket) = (v.campaign_id, v.content, v.person, v.bucket)
            AND k.closed_at IS NULL AND NOT k.is_counting
    )
ORDER BY v.campaign_id, v.day, v.content;
