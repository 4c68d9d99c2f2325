-- Every balance equals incoming less outgoing transfers, and every version equals their number.
SELECT
    a.account_id, a.kind, a.campaign, a.charity, a.balance_minor, a.version,
    coalesce(sum(m.amount_minor), 0) AS transfers_minor, count(m.amount_minor) AS transfers
FROM accounts a
LEFT JOIN (
    SELECT to_account AS account_id, amount_minor FROM transfers
    UNION ALL
    SELECT from_account, -amount_minor FROM transfers
) m USING (account_id)
GROUP BY a.account_id
HAVING a.balance_minor <> coalesce(sum(m.amount_minor), 0) OR a.version <> count(m.amount_minor)
ORDER BY a.account_id;
