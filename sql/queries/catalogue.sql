-- name: list_campaigns
-- Every campaign, oldest first.
SELECT campaign_id, slug, promise, closed_at FROM campaigns ORDER BY campaign_id;

-- name: list_terms
-- Every version of every promise, oldest first.
SELECT campaign_id, version, from_day, promise FROM terms ORDER BY campaign_id, version;

-- name: enrolments_since
-- Which content belongs to which campaign, null: to none any more; what changed since a version.
SELECT content, campaign_id FROM enrolments WHERE version > $1;

-- name: pauses_since
-- Of which content a campaign takes no like, or takes them again; what changed since a version.
SELECT campaign_id, content, resumed_at IS NULL AS is_paused FROM pauses WHERE version > $1;

-- name: list_platforms
-- The senders; one that is disabled is none.
SELECT platform_id, name FROM platforms WHERE disabled_at IS NULL ORDER BY platform_id;

-- name: list_live_keys
-- The keys that still verify, newest first.
SELECT key_id, platform_id, scheme, salt, public_key FROM platform_keys
WHERE dropped_at IS NULL ORDER BY key_id DESC;

-- name: catalogue_version
-- Which version stands now.
SELECT version FROM catalogue;

-- name: lock_catalogue
-- Alone: waits for the intake transactions under way, keeps new ones waiting. Fair, unlike a lock on a row.
SELECT pg_advisory_xact_lock(72, 2);

-- name: share_catalogue
-- Shared by the intake transactions: nothing that they were judged by changes before they end.
SELECT pg_advisory_xact_lock_shared(72, 2);

-- name: raise_catalogue
-- The new version.
UPDATE catalogue SET version = version + 1 RETURNING version;
