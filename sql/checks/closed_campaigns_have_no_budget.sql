-- A closed campaign has no budget left: closing refunds the rest.
SELECT c.slug, c.closed_at, a.balance_minor
FROM campaigns c
JOIN accounts a ON a.campaign = c.slug AND a.kind = 'budget'
WHERE c.closed_at IS NOT NULL AND a.balance_minor <> 0
ORDER BY c.slug;
