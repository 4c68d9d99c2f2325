-- Every payout is its share with what that brought along, and its steps are numbered 1, 2, 3 …, each one that may
-- follow the one before; another attempt begins only after the money came back.
SELECT p.payout_id, p.amount_minor, h.share_minor, h.brought_minor, s.number, s.was, s.state, s.attempt
FROM payouts p
JOIN settlement_shares h USING (settlement_id, charity)
LEFT JOIN (
    SELECT
        *, lag(state) OVER steps AS was, lag(attempt) OVER steps AS attempt_before, row_number() OVER steps AS place
    FROM payout_steps WINDOW steps AS (PARTITION BY payout_id ORDER BY number)
) s USING (payout_id)
WHERE p.amount_minor <> h.share_minor + h.brought_minor
    OR s.number IS NULL
    OR s.number <> s.place
    OR concat_ws(' ', s.was, s.state) NOT IN (
        'waiting', 'waiting sending', 'waiting cancelled', 'sending sent', 'sending paid',
        'sending returned', 'sent paid', 'sent returned', 'paid returned', 'returned waiting'
    )
    OR s.attempt <> coalesce(s.attempt_before, 1) + CASE WHEN s.was = 'returned' THEN 1 ELSE 0 END
ORDER BY p.payout_id, s.number;
