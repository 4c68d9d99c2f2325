-- All balances of a currency add up to zero: no money comes from nowhere, none is lost.
SELECT currency, sum(balance_minor) AS sum_minor FROM accounts
GROUP BY currency HAVING sum(balance_minor) <> 0
ORDER BY currency;
