-- name: add_charities
-- Those that are not registered yet, in order of their slugs, so that two promises do not wait for each other crosswise.
INSERT INTO charities (charity, name_zh, name_en, account)
SELECT n.charity, n.name_zh, n.name_en, n.account
FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) AS n (charity, name_zh, name_en, account)
ORDER BY n.charity
ON CONFLICT (charity) DO NOTHING RETURNING charity;

-- name: hold_charities
-- As they are, and stay until the transaction ends.
SELECT charity, name_zh, name_en, account::text, added_at, disabled_at FROM charities
WHERE charity = ANY($1::text[]) ORDER BY charity FOR SHARE;

-- name: lock_charity
-- One change of a charity at a time.
SELECT charity, name_zh, name_en, account::text, added_at, disabled_at FROM charities
WHERE charity = $1 FOR NO KEY UPDATE;

-- name: accounts_of_charities
-- Where their money goes.
SELECT charity, account::text FROM charities WHERE charity = ANY($1::text[]);

-- name: page_of_charities
-- By slug, after one, so many.
SELECT charity, name_zh, name_en, account::text, added_at, disabled_at FROM charities
WHERE $1::text IS NULL OR charity > $1 ORDER BY charity LIMIT $2;

-- name: rename_charity
-- What it is called.
UPDATE charities SET name_zh = $2, name_en = $3 WHERE charity = $1;

-- name: disable_charity
-- From a moment on; null: no longer.
UPDATE charities SET disabled_at = $2 WHERE charity = $1;

-- name: change_account
-- Where its money goes from now on.
UPDATE charities SET account = $2::jsonb WHERE charity = $1;

-- name: add_sponsor
-- Null where there is one with that id, which comes from its first name.
INSERT INTO sponsors (sponsor_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING sponsor_id;

-- name: add_sponsor_name
-- Null where some sponsor has or had that name.
INSERT INTO sponsor_names (name, sponsor_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING name;

-- name: hold_sponsor_named
-- Whose name that is or was, as it is and stays until the transaction ends.
SELECT s.sponsor_id, s.name, s.added_at, s.disabled_at FROM sponsor_names n JOIN sponsors s USING (sponsor_id)
WHERE n.name = $1 FOR SHARE OF s;

-- name: lock_sponsor
-- One change of a sponsor at a time.
SELECT sponsor_id, name, added_at, disabled_at FROM sponsors WHERE sponsor_id = $1 FOR NO KEY UPDATE;

-- name: rename_sponsor
-- What it is called from now on.
UPDATE sponsors SET name = $2 WHERE sponsor_id = $1;

-- name: disable_sponsor
-- From a moment on; null: no longer.
UPDATE sponsors SET disabled_at = $2 WHERE sponsor_id = $1;

-- name: page_of_sponsors
-- By name, after one, so many; with the names that each had before, oldest first.
SELECT
    s.sponsor_id, s.name, s.added_at, s.disabled_at,
    ARRAY(
        SELECT n.name FROM sponsor_names n WHERE n.sponsor_id = s.sponsor_id AND n.name <> s.name ORDER BY n.given_at
    ) AS former
FROM sponsors s WHERE $1::text IS NULL OR s.name > $1 ORDER BY s.name LIMIT $2;
