-- All balances of a currency sum to zero: no money appears and none is lost.
SELECT currency, sum(balance_minor) AS sum_minor FROM accounts
GROUP BY currency HAVING sum(balance_minor) <> 0
ORDER BY currency;
