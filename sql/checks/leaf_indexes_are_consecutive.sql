-- The leaves of the log have the indexes 0, 1, 2 … up to the newest head, each with its bytes.
-- scans: leaf_queue
SELECT head.size AS committed, indexed.leaves, indexed.last_index
FROM (SELECT coalesce(max(size), 0) AS size FROM log_heads) head
CROSS JOIN (
    SELECT count(leaf_index) AS leaves, coalesce(max(leaf_index) + 1, 0) AS last_index FROM leaf_queue
) indexed
WHERE (indexed.leaves, indexed.last_index) IS DISTINCT FROM (head.size, head.size);
