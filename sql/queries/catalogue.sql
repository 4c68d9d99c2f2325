-- name: list_campaigns
-- List all campaigns, oldest first, and whether each has likes of erased people.
SELECT c.campaign_id, c.slug, c.promise, c.closed_at,
    EXISTS (SELECT FROM like_tombstones t WHERE t.campaign_id = c.campaign_id) AS has_tombstones
FROM campaigns c ORDER BY c.campaign_id;

-- name: list_terms
-- List all versions of all promises, oldest first.
SELECT campaign_id, version, from_day, promise FROM terms ORDER BY campaign_id, version;

-- name: list_changed_enrolments
-- List the enrolments that changed after a version of the catalogue; a null campaign means removed.
SELECT content, campaign_id FROM enrolments WHERE version > $1;

-- name: list_changed_pauses
-- List the pauses that changed after a version of the catalogue, and whether each one lasts.
SELECT campaign_id, content, resumed_at IS NULL AS is_paused FROM content_pauses WHERE version > $1;

-- name: list_enabled_platforms
-- List the platforms that are not disabled.
SELECT platform_id, name, kind, reactions FROM platforms WHERE disabled_at IS NULL ORDER BY platform_id;

-- name: list_live_keys
-- List the keys that are not revoked, newest first.
SELECT key_id, platform_id, scheme, salt, public_key, sealed FROM platform_keys
WHERE revoked_at IS NULL ORDER BY key_id DESC;

-- name: read_catalogue_version
-- Read the current version of the catalogue.
SELECT version FROM catalogue_version;

-- name: lock_catalogue
-- Lock the catalogue alone: waits for running intake transactions and blocks new ones. Fair, unlike
-- a row lock.
SELECT pg_advisory_xact_lock(72, 2);

-- name: lock_catalogue_shared
-- Lock the catalogue with other intake transactions, so that it does not change before they end.
SELECT pg_advisory_xact_lock_shared(72, 2);

-- name: bump_catalogue_version
-- Raise the version of the catalogue by one and return it.
UPDATE catalogue_version SET version = version + 1 RETURNING version;

-- name: add_campaign
-- Insert a campaign with the immutable part of its promise.
INSERT INTO campaigns (slug, promise, currency, floor_minor) VALUES ($1, $2, $3, $4) RETURNING campaign_id;

-- name: create_likes_partition
-- Create the partition of the likes of a campaign.
SELECT create_likes_partition($1);

-- name: add_terms
-- Insert a version of the terms, in force from the start of a campaign day.
INSERT INTO terms (
    campaign_id, version, from_day, promise, amount_minor, per_likes, daily_cap_minor, likes_per_person_per_day,
    quality_from
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: add_ruleset
-- Insert a version of a campaign's rules; no row if the version exists.
INSERT INTO rulesets (campaign_id, version, file, body, salt, sha256, applied_by, applied_at, live_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING version;

-- name: list_newest_rulesets
-- List the newest version of each campaign's rules.
SELECT DISTINCT ON (campaign_id) campaign_id, body, live_from FROM rulesets ORDER BY campaign_id, version DESC;

-- name: list_rulesets
-- List the versions of a campaign's rules, newest first.
SELECT version, file, body, salt, sha256, applied_by, applied_at, live_from FROM rulesets
WHERE campaign_id = $1 ORDER BY version DESC;

-- name: add_platform
-- Insert a platform; no row if the name is taken.
INSERT INTO platforms (name, kind, reactions) VALUES ($1, $2, $3)
ON CONFLICT ON CONSTRAINT platforms_name_is_unique DO NOTHING
RETURNING platform_id;

-- name: find_platform
-- Find a platform by its name, also if it is disabled.
SELECT platform_id, disabled_at, kind FROM platforms WHERE name = $1;

-- name: add_platform_key
-- Insert a key: a salt for v1, a public key for v1a.
INSERT INTO platform_keys (platform_id, scheme, salt, public_key) VALUES ($1, $2, $3, $4);

-- name: reserve_key_id
-- Reserve the id of a key, which its sealed secret is bound to.
SELECT nextval(pg_get_serial_sequence('platform_keys', 'key_id'))::integer;

-- name: add_sealed_key
-- Insert a key that the platform issued, sealed.
INSERT INTO platform_keys (key_id, platform_id, scheme, sealed) OVERRIDING SYSTEM VALUE VALUES ($1, $2, 'sealed', $3);

-- name: revoke_old_keys
-- Revoke all keys of a platform except the newest of each scheme.
UPDATE platform_keys k SET revoked_at = clock_timestamp()
WHERE platform_id = $1 AND revoked_at IS NULL AND EXISTS (
    SELECT FROM platform_keys newer
    WHERE newer.platform_id = k.platform_id AND newer.scheme = k.scheme AND newer.key_id > k.key_id
);

-- name: list_live_schemes
-- List the schemes of the live keys of a platform, oldest first.
SELECT scheme FROM platform_keys WHERE platform_id = $1 AND revoked_at IS NULL ORDER BY key_id;

-- name: set_platform_disabled
-- Set the moment from which a platform is disabled; null enables it.
UPDATE platforms SET disabled_at = $2 WHERE platform_id = $1;

-- name: list_platforms
-- List a page of platforms by name, with their live keys, newest first, in three columns.
SELECT
    p.name, p.added_at, p.disabled_at, p.kind, p.reactions,
    array_remove(array_agg(k.scheme ORDER BY k.key_id DESC), NULL) AS schemes,
    array_agg(k.added_at ORDER BY k.key_id DESC) AS added,
    array_agg(k.last_used_at ORDER BY k.key_id DESC) AS last_used
FROM platforms p
LEFT JOIN platform_keys k ON k.platform_id = p.platform_id AND k.revoked_at IS NULL
WHERE $1::text IS NULL OR p.name > $1
GROUP BY p.platform_id ORDER BY p.name LIMIT $2;

-- name: add_charities
-- Insert the charities that are not registered yet, in the order of their slugs so that two
-- promises never deadlock.
INSERT INTO charities (charity, name_zh, name_en, account)
SELECT n.charity, n.name_zh, n.name_en, n.account
FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) AS n (charity, name_zh, name_en, account)
ORDER BY n.charity
ON CONFLICT (charity) DO NOTHING RETURNING charity;

-- name: lock_charities_shared
-- Read charities and lock them against changes until the transaction ends.
SELECT charity, name_zh, name_en, account::text, added_at, disabled_at FROM charities
WHERE charity = ANY($1::text[]) ORDER BY charity FOR SHARE;

-- name: lock_charity
-- Read a charity and lock it for a change.
SELECT charity, name_zh, name_en, account::text, added_at, disabled_at FROM charities
WHERE charity = $1 FOR NO KEY UPDATE;

-- name: list_charity_accounts
-- List the bank accounts of charities.
SELECT charity, account::text FROM charities WHERE charity = ANY($1::text[]);

-- name: list_charities
-- List a page of charities by slug.
SELECT charity, name_zh, name_en, account::text, added_at, disabled_at FROM charities
WHERE $1::text IS NULL OR charity > $1 ORDER BY charity LIMIT $2;

-- name: rename_charity
-- Set the names of a charity.
UPDATE charities SET name_zh = $2, name_en = $3 WHERE charity = $1;

-- name: set_charity_disabled
-- Set the moment from which a charity is disabled; null enables it.
UPDATE charities SET disabled_at = $2 WHERE charity = $1;

-- name: set_charity_account
-- Set the bank account of a charity.
UPDATE charities SET account = $2::jsonb WHERE charity = $1;

-- name: add_sponsor
-- Insert a sponsor; no row if its id exists, which derives from its first name.
INSERT INTO sponsors (sponsor_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING sponsor_id;

-- name: add_sponsor_name
-- Insert a name of a sponsor; no row if any sponsor has or had it.
INSERT INTO sponsor_names (name, sponsor_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING name;

-- name: lock_sponsor_shared
-- Find the sponsor that has or had a name, and lock it against changes until the transaction ends.
SELECT s.sponsor_id, s.name, s.added_at, s.disabled_at FROM sponsor_names n JOIN sponsors s USING (sponsor_id)
WHERE n.name = $1 FOR SHARE OF s;

-- name: lock_sponsor
-- Read a sponsor and lock it for a change.
SELECT sponsor_id, name, added_at, disabled_at FROM sponsors WHERE sponsor_id = $1 FOR NO KEY UPDATE;

-- name: rename_sponsor
-- Set the current name of a sponsor.
UPDATE sponsors SET name = $2 WHERE sponsor_id = $1;

-- name: set_sponsor_disabled
-- Set the moment from which a sponsor is disabled; null enables it.
UPDATE sponsors SET disabled_at = $2 WHERE sponsor_id = $1;

-- name: list_sponsors
-- List a page of sponsors by name, with their former names, oldest first.
SELECT
    s.sponsor_id, s.name, s.added_at, s.disabled_at,
    ARRAY(
        SELECT n.name FROM sponsor_names n WHERE n.sponsor_id = s.sponsor_id AND n.name <> s.name ORDER BY n.added_at
    ) AS former
FROM sponsors s WHERE $1::text IS NULL OR s.name > $1 ORDER BY s.name LIMIT $2;

-- name: judge_unsettled_days_again
-- Mark a campaign's observations unjudged if an event is of a day that no settlement took.
UPDATE observations SET judged_at = NULL
WHERE campaign_id = $1 AND judged_at IS NOT NULL AND last_at >= coalesce(
    (
        SELECT (max(cut_off) + 1)::timestamp AT TIME ZONE $3::text
        FROM settlements s
        WHERE campaign = $2 AND NOT EXISTS (
            SELECT FROM payouts p JOIN payout_steps t USING (payout_id)
            WHERE p.settlement_id = s.settlement_id AND t.state = 'cancelled'
        )
    ),
    '-infinity'
);
