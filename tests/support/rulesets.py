"""The ruleset that ships, stored and live for a campaign of a test."""

from campaigns.authenticity.ruleset import default_file, default_ruleset, ruleset_bytes
from sql import Connection


async def store_default_ruleset(conn: Connection, slug: str) -> None:
    """Store the ruleset as version 1 of the campaign, unless it has one. Joins the caller's transaction."""
    await conn.execute(
        """INSERT INTO rulesets (campaign_id, version, file, body, salt, sha256, applied_by, applied_at, live_from)
        SELECT campaign_id, 1, $1, $2, repeat('0', 32), sha256(''), 'test', now(), now() FROM campaigns
        WHERE slug = $3 ON CONFLICT DO NOTHING""",
        default_file(),
        ruleset_bytes(default_ruleset()).decode(),
        slug,
    )
