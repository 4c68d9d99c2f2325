-- Statement editions: banks use an id again in another year, for another page or currency. The key
-- takes the edition, which is empty in rows of older releases. Stop all instances before it: an
-- older program does not know the new keys.
-- squawk-ignore-file ban-drop-not-null, constraint-missing-not-valid, adding-serial-primary-key-field

ALTER TABLE statements
    ADD COLUMN edition text NOT NULL DEFAULT '',
    ADD COLUMN kind text NOT NULL DEFAULT 'statement',
    ADD COLUMN skipped_minor bigint NOT NULL DEFAULT 0,
    ALTER COLUMN opening_minor DROP NOT NULL,
    ALTER COLUMN closing_minor DROP NOT NULL;
ALTER TABLE statement_lines
    ADD COLUMN edition text NOT NULL DEFAULT '',
    ADD COLUMN line_references text [] NOT NULL DEFAULT '{}',
    ADD COLUMN charges_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN reason_code text;
ALTER TABLE statement_matches ADD COLUMN edition text NOT NULL DEFAULT '';

-- squawk-ignore ban-drop-constraint
ALTER TABLE statement_matches DROP CONSTRAINT statement_matches_belong_to_a_line;
-- squawk-ignore ban-drop-constraint
ALTER TABLE statement_lines DROP CONSTRAINT statement_lines_belong_to_a_statement;
-- squawk-ignore ban-drop-constraint
ALTER TABLE statement_matches DROP CONSTRAINT statement_matches_pkey;
-- squawk-ignore ban-drop-constraint
ALTER TABLE statement_lines DROP CONSTRAINT statement_lines_pkey;
-- squawk-ignore ban-drop-constraint
ALTER TABLE statements DROP CONSTRAINT statements_pkey;

-- No instance runs meanwhile, so the locks stop nobody.
ALTER TABLE statements ADD PRIMARY KEY (account, statement_id, edition);
ALTER TABLE statement_lines ADD PRIMARY KEY (account, statement_id, edition, number);
ALTER TABLE statement_matches ADD PRIMARY KEY (account, statement_id, edition, number);
-- squawk-ignore adding-foreign-key-constraint
ALTER TABLE statement_lines ADD CONSTRAINT statement_lines_belong_to_a_statement
    FOREIGN KEY (account, statement_id, edition) REFERENCES statements;
-- squawk-ignore adding-foreign-key-constraint
ALTER TABLE statement_matches ADD CONSTRAINT statement_matches_belong_to_a_line
    FOREIGN KEY (account, statement_id, edition, number) REFERENCES statement_lines;
ALTER TABLE statements ADD CONSTRAINT statements_kind_is_known
    CHECK (kind IN ('statement', 'report', 'notification'));
ALTER TABLE statements ADD CONSTRAINT statements_edition_is_bounded CHECK (length(edition) <= 200);
ALTER TABLE statement_lines ADD CONSTRAINT statement_lines_charges_are_not_negative CHECK (charges_minor >= 0);
