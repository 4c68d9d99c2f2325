-- A correction moves at most the amount of its transfer back between the same accounts, and each
-- transfer has at most one.
SELECT c.transfer_id, c.corrects, c.amount_minor, t.amount_minor AS corrected_minor
FROM (SELECT *, count(*) OVER (PARTITION BY corrects) AS corrections FROM transfers WHERE corrects IS NOT NULL) c
LEFT JOIN transfers t ON t.transfer_id = c.corrects
WHERE t.transfer_id IS NULL
    OR t.corrects IS NOT NULL
    OR (c.step, c.from_account, c.to_account) <> (t.step, t.to_account, t.from_account)
    OR c.amount_minor > t.amount_minor
    OR c.corrections > 1
ORDER BY c.recorded_at;
