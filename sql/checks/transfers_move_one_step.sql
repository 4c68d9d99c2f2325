-- Every transfer moves one step right, every correction one step left, within one campaign, charity
-- and currency.
SELECT
    t.transfer_id, t.step, f.kind AS from_kind, o.kind AS to_kind,
    f.campaign AS from_campaign, o.campaign AS to_campaign
FROM transfers t
JOIN accounts f ON f.account_id = t.from_account
JOIN accounts o ON o.account_id = t.to_account
LEFT JOIN (
    VALUES ('fund', 'world', 'budget'), ('pledge', 'budget', 'pledged'), ('settle', 'pledged', 'payable'),
        ('send', 'payable', 'in_flight'), ('confirm', 'in_flight', 'paid')
) AS steps (step, left_kind, right_kind)
    ON steps.step = t.step
    AND steps.left_kind = CASE WHEN t.corrects IS NULL THEN f.kind ELSE o.kind END
    AND steps.right_kind = CASE WHEN t.corrects IS NULL THEN o.kind ELSE f.kind END
WHERE steps.step IS NULL
    OR (f.campaign <> o.campaign AND 'world' NOT IN (f.kind, o.kind))
    OR (f.charity <> o.charity AND 'pledged' NOT IN (f.kind, o.kind))
    OR (t.from_kind, t.to_kind, t.currency, t.currency) IS DISTINCT FROM (f.kind, o.kind, f.currency, o.currency)
    OR t.amount_minor <= 0
ORDER BY t.recorded_at;
