-- The first step of every proposal is its author's. Steps are numbered 1, 2, 3 …, each transition
-- is allowed, and a hold lasts as long as it must.
SELECT p.proposal_id, s.number, s.previous_state, s.state, s.by, s.at
FROM proposals p
LEFT JOIN (
    SELECT *, lag(state) OVER steps AS previous_state, lag(at) OVER steps AS previous_at,
        row_number() OVER steps AS expected_number
    FROM proposal_steps WINDOW steps AS (PARTITION BY proposal_id ORDER BY number)
) s USING (proposal_id)
WHERE s.number IS NULL
    OR s.number <> s.expected_number
    OR concat_ws(' ', s.previous_state, s.state) NOT IN (
        'pending', 'pending approved', 'pending done', 'pending refused', 'pending withdrawn',
        'approved done', 'approved withdrawn', 'approved failed'
    )
    OR s.number = 1 AND (s.by, s.at) IS DISTINCT FROM (p.asked_by, p.asked_at)
    OR (p.hold_seconds > 0) <> (s.state = 'approved')
    AND concat_ws(' ', s.previous_state, s.state) IN ('pending approved', 'pending done')
    OR s.previous_state = 'approved' AND s.state IN ('done', 'failed')
    AND s.at < s.previous_at + make_interval(secs => p.hold_seconds)
ORDER BY p.proposal_id, s.number;
