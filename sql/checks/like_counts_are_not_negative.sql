-- No number of likes is negative.
SELECT
    campaign_id, day, 'counts' AS what,
    LEAST(counted, withdrawn, quarantined, void, over_limit, low_quality, duplicate) AS likes
FROM day_counts WHERE LEAST(counted, withdrawn, quarantined, void, over_limit, low_quality, duplicate) < 0
UNION ALL
SELECT campaign_id, day, outcome, likes FROM refusal_counts WHERE likes < 0
ORDER BY campaign_id, day;
