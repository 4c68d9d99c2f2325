-- The transfers of an account are numbered 1, 2, 3 …, and each stores the running balance after it.
WITH moves AS (
    SELECT
        to_account AS account_id, to_version AS version, transfer_id,
        amount_minor, to_balance_after_minor AS balance_after_minor
    FROM transfers
    UNION ALL
    SELECT from_account, from_version, transfer_id, -amount_minor, from_balance_after_minor FROM transfers
), run AS (
    SELECT
        *, row_number() OVER account AS position,
        sum(amount_minor) OVER account AS running_minor
    FROM moves
    WINDOW account AS (PARTITION BY account_id ORDER BY version, transfer_id)
)
SELECT account_id, transfer_id, version, position, balance_after_minor, running_minor FROM run
WHERE version <> position OR balance_after_minor <> running_minor
ORDER BY account_id, version;
