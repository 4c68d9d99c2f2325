-- Every held like names a ruleset with live rules.
-- scans: verdicts
SELECT v.campaign_id, v.content, v.day, v.ruleset FROM verdicts v
LEFT JOIN rulesets r ON r.campaign_id = v.campaign_id AND r.version = v.ruleset
WHERE v.verdict = 'held' AND r.live_from IS NULL
ORDER BY v.campaign_id, v.day, v.content;
