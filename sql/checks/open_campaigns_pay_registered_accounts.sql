-- The newest terms of every open campaign name the registered account of each charity, and every
-- charity in any terms is registered.
SELECT c.slug, t.version, b ->> 'charity' AS charity, b -> 'account' AS account, r.account AS registered
FROM campaigns c
JOIN terms t USING (campaign_id)
CROSS JOIN LATERAL (SELECT max(version) AS version FROM terms n WHERE n.campaign_id = c.campaign_id) newest
CROSS JOIN LATERAL jsonb_array_elements(t.promise::jsonb -> 'beneficiaries') AS b
LEFT JOIN charities r ON r.charity = b ->> 'charity'
WHERE r.charity IS NULL
    OR (c.closed_at IS NULL AND t.version = newest.version AND r.account IS DISTINCT FROM b -> 'account')
ORDER BY c.slug, t.version, charity;
