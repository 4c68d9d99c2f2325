-- The shares of every settlement sum to its total, and one `settle` transfer moved each share to
-- its charity.
SELECT s.settlement_id, s.total_minor, h.charity, h.share_minor, t.amount_minor
FROM settlements s
LEFT JOIN settlement_shares h USING (settlement_id)
LEFT JOIN transfers t ON t.transfer_id = h.transfer_id
LEFT JOIN accounts a ON a.account_id = t.to_account
WHERE s.total_minor <> (
        SELECT coalesce(sum(share_minor), 0) FROM settlement_shares o WHERE o.settlement_id = s.settlement_id
    )
    OR h.share_minor > 0 AND (
        (t.amount_minor, t.step, t.corrects::text, a.campaign, a.charity, t.currency)
        IS DISTINCT FROM (h.share_minor, 'settle'::text, NULL::text, s.campaign, h.charity, s.currency)
    )
ORDER BY s.settlement_id;
