-- A batch has one leaf of 32 bytes for each like that it brought, in order.
-- scans: like_batches
SELECT b.batch_id, b.campaign_id, b.size, length(b.leaves) AS leaf_bytes
FROM like_batches b
WHERE length(b.leaves) <> 32 * cardinality(b.positions)
    OR b.size <> cardinality(b.positions)
    OR b.positions <> ARRAY(SELECT DISTINCT position FROM unnest(b.positions) AS position ORDER BY position)
    OR b.size = 0 AND b.root <> sha256('')
    OR b.size = 1 AND b.root <> b.leaves
ORDER BY b.batch_id;
