-- An upload's chunks hold what it says, and one that ended without a fault did all of them.
SELECT u.upload_id, u.contents, u.ended_at, u.fault FROM uploads u
CROSS JOIN LATERAL (
    SELECT coalesce(sum(cardinality(k.contents)), 0) AS contents, count(*) FILTER (WHERE k.done_at IS NULL) AS open
    FROM upload_chunks k WHERE k.upload_id = u.upload_id
) k
WHERE k.contents <> u.contents OR (u.ended_at IS NOT NULL AND u.fault IS NULL AND k.open > 0);
