-- A statement line may pay or return several payouts, and part of it may be the bank's charge or a
-- difference that a person accepted. Statuses that fit no payout are stored for review. Stop all
-- instances before it: an older program reads the columns that go.
-- squawk-ignore-file ban-drop-column, require-concurrent-index-deletion, require-concurrent-index-creation

CREATE TABLE statement_line_payouts (
    account      text    NOT NULL,
    statement_id text    NOT NULL,
    edition      text    NOT NULL,
    number       integer NOT NULL,
    payout_id    text    NOT NULL REFERENCES payouts,
    step_number  integer,  -- the step that the line made; none if the line is only a charge
    PRIMARY KEY (account, statement_id, edition, number, payout_id),
    CONSTRAINT statement_line_payouts_belong_to_a_line
        FOREIGN KEY (account, statement_id, edition, number) REFERENCES statement_lines,
    CONSTRAINT statement_line_payouts_make_a_step
        FOREIGN KEY (payout_id, step_number) REFERENCES payout_steps (payout_id, number),
    CONSTRAINT statement_line_payouts_make_each_step_once UNIQUE (payout_id, step_number)
);

CREATE TABLE statement_line_differences (
    account      text    NOT NULL,
    statement_id text    NOT NULL,
    edition      text    NOT NULL,
    number       integer NOT NULL,
    kind         text    NOT NULL,
    amount_minor bigint  NOT NULL,  -- lost by the account beyond the payouts; negative: gained
    by           text    NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (account, statement_id, edition, number, kind),
    CONSTRAINT statement_line_differences_belong_to_a_line
        FOREIGN KEY (account, statement_id, edition, number) REFERENCES statement_lines,
    CONSTRAINT statement_line_differences_kind_is_known CHECK (kind IN ('charge', 'difference')),
    CONSTRAINT statement_line_differences_are_not_zero CHECK (amount_minor <> 0),
    CONSTRAINT statement_line_differences_name_a_person CHECK (length(by) BETWEEN 1 AND 100)
);

INSERT INTO statement_line_payouts (account, statement_id, edition, number, payout_id, step_number)
SELECT l.account, l.statement_id, l.edition, l.number, coalesce(l.payout_id, m.payout_id), step.number
FROM statement_lines l
JOIN statements s USING (account, statement_id, edition)
LEFT JOIN statement_matches m USING (account, statement_id, edition, number)
LEFT JOIN LATERAL (
    SELECT p.number FROM payout_steps p
    WHERE p.payout_id = coalesce(l.payout_id, m.payout_id) AND p.evidence = s.evidence
        AND p.bank_day = l.booked_on AND p.state = CASE WHEN l.is_credit THEN 'returned' ELSE 'paid' END
    ORDER BY p.number LIMIT 1
) step ON l.matched_by <> 'reported_before'
WHERE coalesce(l.payout_id, m.payout_id) IS NOT NULL;

DROP INDEX statement_lines_unmatched;
DROP INDEX IF EXISTS statement_lines_of_payouts;
ALTER TABLE statement_lines DROP COLUMN payout_id;
ALTER TABLE statement_matches DROP COLUMN payout_id;
CREATE INDEX statement_lines_by_booking_day ON statement_lines (booked_on);

CREATE TABLE payment_statuses (
    status_id              text PRIMARY KEY,
    level                  text NOT NULL,
    status_code            text NOT NULL,
    message_id             text,
    payment_information_id text,
    refs                   text [] NOT NULL,
    reason_code            text,
    reason_text            text,
    unmatched_by           text NOT NULL,  -- why a person must review it
    evidence               bytea NOT NULL,  -- SHA-256 of the file
    imported_by            text NOT NULL,
    imported_at            timestamptz NOT NULL,
    CONSTRAINT payment_statuses_level_is_known
        CHECK (level IN ('message', 'payment_information', 'transaction')),
    CONSTRAINT payment_statuses_are_bounded CHECK (
        length(status_id) <= 40 AND length(status_code) <= 35 AND length(message_id) <= 140
        AND length(payment_information_id) <= 140 AND cardinality(refs) <= 20 AND length(reason_code) <= 35
        AND length(reason_text) <= 500 AND length(unmatched_by) <= 100 AND length(evidence) = 32
        AND length(imported_by) BETWEEN 1 AND 100
    )
);

CREATE TABLE payment_status_reviews (
    status_id text PRIMARY KEY REFERENCES payment_statuses,
    payout_id text REFERENCES payouts,  -- that the status was applied to; none if it changes nothing
    reason    text NOT NULL,
    by        text NOT NULL,
    at        timestamptz NOT NULL,
    CONSTRAINT payment_status_reviews_name_a_person_and_reason
        CHECK (length(by) BETWEEN 1 AND 100 AND length(reason) BETWEEN 1 AND 500)
);

CREATE TRIGGER statement_line_payouts_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statement_line_payouts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_line_differences_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON statement_line_differences
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_statuses_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_statuses
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_status_reviews_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_status_reviews
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
