-- `world` is nobody's; every other account is a campaign's, and from `payable` on a charity's too.
SELECT account_id, kind, campaign, charity FROM accounts
WHERE (campaign <> '') <> (kind <> 'world') OR (charity <> '') <> (kind IN ('payable', 'in_flight', 'paid'))
ORDER BY account_id;
