-- The chunks of an upload contain its contents, and an upload without a fault processed all of
-- them.
SELECT u.upload_id, u.contents, u.ended_at, u.fault FROM content_uploads u
CROSS JOIN LATERAL (
    SELECT coalesce(sum(cardinality(k.contents)), 0) AS contents, count(*) FILTER (WHERE k.done_at IS NULL) AS open
    FROM content_upload_chunks k WHERE k.upload_id = u.upload_id
) k
WHERE k.contents <> u.contents OR (u.ended_at IS NOT NULL AND u.fault IS NULL AND k.open > 0);
