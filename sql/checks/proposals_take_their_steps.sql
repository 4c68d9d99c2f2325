-- Every proposal was asked for by who it says, its steps are numbered 1, 2, 3 …, each one that may follow the one before,
-- and what an approval holds back was held as long as it says.
SELECT p.proposal_id, s.number, s.was, s.state, s.by, s.at
FROM proposals p
LEFT JOIN (
    SELECT *, lag(state) OVER steps AS was, lag(at) OVER steps AS at_before, row_number() OVER steps AS place
    FROM proposal_steps WINDOW steps AS (PARTITION BY proposal_id ORDER BY number)
) s USING (proposal_id)
WHERE s.number IS NULL
    OR s.number <> s.place
    OR concat_ws(' ', s.was, s.state) NOT IN (
        'waits', 'waits approved', 'waits done', 'waits refused', 'waits withdrawn',
        'approved done', 'approved withdrawn', 'approved failed'
    )
    OR s.number = 1 AND (s.by, s.at) IS DISTINCT FROM (p.asked_by, p.asked_at)
    OR (p.hold_seconds > 0) <> (s.state = 'approved') AND concat_ws(' ', s.was, s.state) IN ('waits approved', 'waits done')
    OR s.was = 'approved' AND s.state IN ('done', 'failed')
    AND s.at < s.at_before + make_interval(secs => p.hold_seconds)
ORDER BY p.proposal_id, s.number;
