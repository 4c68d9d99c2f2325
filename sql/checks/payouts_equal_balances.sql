-- Payouts in flight and paid payouts equal the balances of the charities, and `payable` covers the
-- waiting payouts.
WITH newest AS (
    SELECT DISTINCT ON (payout_id) payout_id, state FROM payout_steps ORDER BY payout_id, number DESC
), payout_sums AS (
    SELECT
        s.campaign, p.charity, s.currency,
        coalesce(sum(p.amount_minor) FILTER (WHERE n.state IN ('waiting', 'returned')), 0) AS waiting_minor,
        coalesce(sum(p.amount_minor) FILTER (WHERE n.state IN ('sending', 'sent')), 0) AS in_flight_minor,
        coalesce(sum(p.amount_minor) FILTER (WHERE n.state = 'paid'), 0) AS paid_minor
    FROM payouts p
    JOIN settlements s USING (settlement_id)
    LEFT JOIN newest n USING (payout_id)
    GROUP BY s.campaign, p.charity, s.currency
), balances AS (
    SELECT
        campaign, charity, currency,
        coalesce(sum(balance_minor) FILTER (WHERE kind = 'payable'), 0) AS payable_minor,
        coalesce(sum(balance_minor) FILTER (WHERE kind = 'in_flight'), 0) AS in_flight_minor,
        coalesce(sum(balance_minor) FILTER (WHERE kind = 'paid'), 0) AS paid_minor
    FROM accounts WHERE charity <> '' GROUP BY campaign, charity, currency
)
SELECT
    campaign, charity, currency, t.waiting_minor, h.payable_minor, t.in_flight_minor, h.in_flight_minor, t.paid_minor
FROM payout_sums t
FULL JOIN balances h USING (campaign, charity, currency)
WHERE coalesce(t.waiting_minor, 0) > coalesce(h.payable_minor, 0)
    OR coalesce(t.in_flight_minor, 0) <> coalesce(h.in_flight_minor, 0)
    OR coalesce(t.paid_minor, 0) <> coalesce(h.paid_minor, 0)
ORDER BY campaign, charity;
