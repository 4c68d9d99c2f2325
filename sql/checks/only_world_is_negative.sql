-- No account except `world` is negative, now or after any of its transfers.
SELECT a.account_id, a.kind, a.campaign, a.charity, b.version, b.balance_minor
FROM accounts a
JOIN (
    SELECT account_id, version, balance_minor FROM accounts WHERE balance_minor < 0
    UNION ALL
    SELECT from_account, from_version, from_balance_after_minor FROM transfers WHERE from_balance_after_minor < 0
    UNION ALL
    SELECT to_account, to_version, to_balance_after_minor FROM transfers WHERE to_balance_after_minor < 0
) b USING (account_id)
WHERE a.kind <> 'world'
ORDER BY a.account_id, b.version;
