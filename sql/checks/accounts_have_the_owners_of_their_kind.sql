-- Every account except `world` belongs to a campaign, and from `payable` on to a charity too.
SELECT account_id, kind, campaign, charity FROM accounts
WHERE (campaign <> '') <> (kind <> 'world') OR (charity <> '') <> (kind IN ('payable', 'in_flight', 'paid'))
ORDER BY account_id;
