-- name: open_accounts
-- Made on first use; another transaction that makes the same one is waited for.
INSERT INTO accounts (kind, currency, campaign, charity)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
ON CONFLICT ON CONSTRAINT accounts_are_named_once DO NOTHING;

-- name: lock_accounts
-- Always in order of their ids, so that no two postings wait for each other.
SELECT kind, currency, campaign, charity, account_id, balance_minor, version FROM accounts
WHERE (kind, currency, campaign, charity) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]))
ORDER BY account_id FOR NO KEY UPDATE;

-- name: find_transfer
-- The transfer that an idempotency key stands for.
SELECT step, from_account, to_account, amount_minor, corrects, reference FROM transfers WHERE idempotency_key = $1;

-- name: move_balance
-- The floor is a constraint of the table: no arithmetic above can go below it.
UPDATE accounts SET balance_minor = balance_minor + $2, version = version + 1 WHERE account_id = $1;

-- name: add_transfer
-- One row, two accounts: balanced by construction.
INSERT INTO transfers (
    transfer_id, idempotency_key, step, from_account, to_account, from_kind, to_kind, currency, amount_minor,
    from_balance_after_minor, to_balance_after_minor, from_version, to_version, corrects, reference
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: queue_leaf
-- In the transaction of what it tells.
INSERT INTO leaf_queue (kind, subject, body) VALUES ($1, $2, $3);

-- name: correctable_transfers
-- An account's newest incoming transfers that no correction has named yet, newest first, and what it holds.
SELECT t.transfer_id, t.amount_minor, a.balance_minor
FROM accounts a
JOIN transfers t ON t.to_account = a.account_id AND t.corrects IS NULL
WHERE a.campaign = $1 AND a.charity = $2 AND a.kind = $3
    AND NOT EXISTS (SELECT FROM transfers c WHERE c.corrects = t.transfer_id)
ORDER BY t.to_version DESC LIMIT $4;

-- name: stranded_minor
-- What an account holds beyond the transfers into it that no correction has named yet: so much could never go back.
SELECT coalesce(max(a.balance_minor), 0) - coalesce(sum(t.amount_minor), 0)::bigint
FROM accounts a
LEFT JOIN transfers t ON t.to_account = a.account_id AND t.corrects IS NULL
    AND NOT EXISTS (SELECT FROM transfers c WHERE c.corrects = t.transfer_id)
WHERE a.campaign = $1 AND a.kind = $2;

-- name: balances
-- Every account of the campaigns named.
SELECT campaign, kind, sum(balance_minor)::bigint AS balance_minor, sum(version)::bigint AS version
FROM accounts WHERE campaign = ANY($1::text[]) GROUP BY campaign, kind;
