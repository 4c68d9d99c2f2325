-- Each cosignature belongs to a signed checkpoint of a non-empty tree, and its line names the
-- witness that it is stored for.
SELECT c.witness_key, c.size, h.checkpoint IS NOT NULL AS is_signed, w.known_size
FROM log_cosignatures c
LEFT JOIN log_heads h ON h.size = c.size
LEFT JOIN log_witnesses w ON w.witness_key = c.witness_key
WHERE h.checkpoint IS NULL
    OR w.known_size IS NULL
    OR c.size = 0
    OR NOT starts_with(convert_from(c.line, 'UTF8'), '— ' || split_part(c.witness_key, '+', 1) || ' ')
    OR right(convert_from(c.line, 'UTF8'), 1) <> E'\n'
ORDER BY c.size, c.witness_key;
