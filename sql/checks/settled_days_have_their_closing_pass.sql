-- Every settlement of a campaign with rules has the closing pass of its period.
SELECT s.campaign, s.period, s.settlement_id FROM settlements s
JOIN campaigns c ON c.slug = s.campaign
WHERE EXISTS (SELECT FROM rulesets r WHERE r.campaign_id = c.campaign_id AND r.applied_at <= s.made_at)
    AND NOT EXISTS (SELECT FROM closing_passes p WHERE p.campaign_id = c.campaign_id AND p.period = s.period)
ORDER BY s.campaign, s.period;
