-- Registers: charities with the account that promises name, sponsors under every name they had, platforms that can be disabled.

ALTER TABLE platforms ADD COLUMN disabled_at timestamptz;
ALTER TABLE platform_keys ADD COLUMN last_used_at timestamptz;

CREATE TABLE charities (
    charity     text  PRIMARY KEY,
    name_zh     text  NOT NULL,
    name_en     text  NOT NULL,
    account     jsonb NOT NULL,  -- as promises name it
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz,
    CONSTRAINT charities_name_is_a_slug CHECK (charity ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    CONSTRAINT charities_are_bounded CHECK (
        length(name_zh) BETWEEN 1 AND 200 AND length(name_en) BETWEEN 1 AND 200 AND length(account::text) <= 300
    ),
    CONSTRAINT charities_account_is_one CHECK (jsonb_typeof(account) = 'object')
);

CREATE TABLE sponsors (
    sponsor_id  text PRIMARY KEY,
    name        text NOT NULL,  -- as it is now
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz,
    CONSTRAINT sponsors_are_named_once UNIQUE (name),
    CONSTRAINT sponsors_id_is_one CHECK (sponsor_id ~ '^spo_[0-9a-f]{20}$'),
    CONSTRAINT sponsors_name_is_bounded CHECK (length(name) BETWEEN 1 AND 200)
);

-- Every name that a sponsor had: campaigns keep the one that they were promised under.
CREATE TABLE sponsor_names (
    name       text PRIMARY KEY,
    sponsor_id text NOT NULL REFERENCES sponsors,
    given_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT sponsor_names_are_bounded CHECK (length(name) BETWEEN 1 AND 200)
);
CREATE INDEX sponsor_names_by_sponsor ON sponsor_names (sponsor_id);

CREATE TRIGGER charities_are_kept BEFORE DELETE OR TRUNCATE ON charities
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sponsors_are_kept BEFORE DELETE OR TRUNCATE ON sponsors
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sponsor_names_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sponsor_names
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A charity has one account from now on. Which of two is right nobody but people can say, so nothing is guessed.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT b ->> 'charity' AS charity, string_agg(DISTINCT c.slug, ', ') AS slugs
        FROM campaigns c
        CROSS JOIN LATERAL (
            SELECT promise FROM terms t WHERE t.campaign_id = c.campaign_id ORDER BY version DESC LIMIT 1
        ) newest
        CROSS JOIN LATERAL jsonb_array_elements(newest.promise::jsonb -> 'beneficiaries') AS b
        WHERE c.closed_at IS NULL
        GROUP BY 1 HAVING count(DISTINCT b -> 'account') > 1
    LOOP
        RAISE EXCEPTION 'the charity % has different accounts in %: give them terms with the same one, then migrate',
            found.charity, found.slugs;
    END LOOP;
END $$;

-- Open campaigns say what is so; a charity that none of them names any more, the newest terms that did.
INSERT INTO charities (charity, name_zh, name_en, account, added_at)
SELECT DISTINCT ON (b ->> 'charity')
    b ->> 'charity', b #>> '{name,zh}', b #>> '{name,en}', b -> 'account', clock_timestamp()
FROM terms t
JOIN campaigns c USING (campaign_id)
CROSS JOIN LATERAL jsonb_array_elements(t.promise::jsonb -> 'beneficiaries') AS b
CROSS JOIN LATERAL (SELECT max(version) AS version FROM terms n WHERE n.campaign_id = t.campaign_id) newest
ORDER BY
    b ->> 'charity', (c.closed_at IS NULL AND t.version = newest.version) DESC, t.recorded_at DESC, c.campaign_id DESC;

INSERT INTO sponsors (sponsor_id, name)
SELECT 'spo_' || left(encode(sha256(convert_to(name, 'UTF8')), 'hex'), 20), name
FROM (SELECT DISTINCT promise::jsonb #>> '{campaign,sponsor}' AS name FROM campaigns) named;

INSERT INTO sponsor_names (name, sponsor_id) SELECT name, sponsor_id FROM sponsors;
