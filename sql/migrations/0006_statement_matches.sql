-- Statement lines that no rule could match, and the payout that a person says they are of.

CREATE TABLE statement_matches (
    account      text    NOT NULL,
    statement_id text    NOT NULL,
    number       integer NOT NULL,
    payout_id    text    NOT NULL REFERENCES payouts,
    reason       text    NOT NULL,
    by           text    NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (account, statement_id, number),
    CONSTRAINT statement_matches_are_of_a_line FOREIGN KEY (account, statement_id, number) REFERENCES statement_lines,
    CONSTRAINT statement_matches_say_who_and_why
        CHECK (length(by) BETWEEN 1 AND 100 AND length(reason) BETWEEN 1 AND 500)
);

CREATE TRIGGER statement_matches_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statement_matches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
