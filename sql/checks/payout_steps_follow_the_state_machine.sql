-- Every payout equals its share plus the carried amount. Its steps are numbered 1, 2, 3 …, each
-- transition is allowed, and a new attempt starts only after the money came back.
SELECT p.payout_id, p.amount_minor, h.share_minor, h.brought_minor, s.number, s.previous_state, s.state, s.attempt
FROM payouts p
JOIN settlement_shares h USING (settlement_id, charity)
LEFT JOIN (
    SELECT
        *, lag(state) OVER steps AS previous_state, lag(attempt) OVER steps AS previous_attempt,
        row_number() OVER steps AS expected_number
    FROM payout_steps WINDOW steps AS (PARTITION BY payout_id ORDER BY number)
) s USING (payout_id)
WHERE p.amount_minor <> h.share_minor + h.brought_minor
    OR s.number IS NULL
    OR s.number <> s.expected_number
    OR concat_ws(' ', s.previous_state, s.state) NOT IN (
        'waiting', 'waiting sending', 'waiting cancelled', 'sending sent', 'sending paid',
        'sending returned', 'sent paid', 'sent returned', 'paid returned', 'returned waiting'
    )
    OR s.attempt <> coalesce(s.previous_attempt, 1) + CASE WHEN s.previous_state = 'returned' THEN 1 ELSE 0 END
ORDER BY p.payout_id, s.number;
