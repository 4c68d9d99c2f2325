-- name: create_accounts
-- Create the accounts that do not exist yet. Waits for a transaction that creates the same account.
INSERT INTO accounts (kind, currency, campaign, charity)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
ON CONFLICT ON CONSTRAINT accounts_are_unique DO NOTHING;

-- name: lock_accounts
-- Lock accounts in the order of their ids, so that two postings never deadlock.
SELECT kind, currency, campaign, charity, account_id, balance_minor, version FROM accounts
WHERE (kind, currency, campaign, charity) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]))
ORDER BY account_id FOR NO KEY UPDATE;

-- name: find_transfer
-- Find the transfer of an idempotency key.
SELECT step, from_account, to_account, amount_minor, corrects, reference FROM transfers WHERE idempotency_key = $1;

-- name: add_to_balance
-- Add an amount to a balance. A constraint of the table keeps the balance from falling below zero.
UPDATE accounts SET balance_minor = balance_minor + $2, version = version + 1 WHERE account_id = $1;

-- name: add_transfer
-- Insert a transfer: one row and two accounts, balanced by construction.
INSERT INTO transfers (
    transfer_id, idempotency_key, step, from_account, to_account, from_kind, to_kind, currency, amount_minor,
    from_balance_after_minor, to_balance_after_minor, from_version, to_version, corrects, reference
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: list_correctable_transfers
-- List the newest incoming transfers of an account that no correction names yet, newest first, with
-- its balance.
SELECT t.transfer_id, t.amount_minor, a.balance_minor
FROM accounts a
JOIN transfers t ON t.to_account = a.account_id AND t.corrects IS NULL
WHERE a.campaign = $1 AND a.charity = $2 AND a.kind = $3
    AND NOT EXISTS (SELECT FROM transfers c WHERE c.corrects = t.transfer_id)
ORDER BY t.to_version DESC LIMIT $4;

-- name: sum_uncorrectable_minor
-- Return the part of a balance that exceeds the uncorrected incoming transfers: no correction can
-- return it.
SELECT coalesce(max(a.balance_minor), 0) - coalesce(sum(t.amount_minor), 0)::bigint
FROM accounts a
LEFT JOIN transfers t ON t.to_account = a.account_id AND t.corrects IS NULL
    AND NOT EXISTS (SELECT FROM transfers c WHERE c.corrects = t.transfer_id)
WHERE a.campaign = $1 AND a.kind = $2;

-- name: list_campaign_balances
-- List the balances of the given campaigns by kind of account.
SELECT campaign, kind, sum(balance_minor)::bigint AS balance_minor, sum(version)::bigint AS version
FROM accounts WHERE campaign = ANY($1::text[]) GROUP BY campaign, kind;
