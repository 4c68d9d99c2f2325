"""Verdicts about likes of a running service, applied as rules or people would."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from campaigns.authenticity.ruleset import default_file, default_ruleset, ruleset_bytes
from campaigns.catalogue import cache
from campaigns.catalogue.cache import Campaign
from campaigns.intake.like_state import LikeVerdict
from campaigns.intake.verdicts import AppliedVerdicts, VerdictChange, VerdictSource, apply_verdicts
from running_service import KEYS, SLUG, RunningService
from sql import Connection, query

DECIDED_AT = datetime(2026, 12, 1, tzinfo=UTC)
_LOCK_CAMPAIGN = query("lock_campaign")


async def store_ruleset(owner: Connection) -> None:
    """Store the default ruleset as version 1 of the campaign, live."""
    await owner.execute(
        """INSERT INTO rulesets (campaign_id, version, file, body, salt, sha256, applied_by, applied_at, live_from)
        SELECT campaign_id, 1, $1, $2, repeat('0', 32), sha256(''), 'test', now(), now() FROM campaigns
        WHERE slug = $3 ON CONFLICT DO NOTHING""",
        default_file(),
        ruleset_bytes(default_ruleset()).decode(),
        SLUG,
    )


async def campaign_of(service: RunningService) -> Campaign:
    """Return the campaign as the service knows it."""
    async with service.service.pool.acquire() as conn:
        return (await cache.load_campaigns(conn, KEYS.pseudonym))[SLUG]


async def decide(
    service: RunningService,
    verdict: LikeVerdict,
    likes: Sequence[tuple[str, str]],
    *,
    by: Literal["rules", "people"] = "rules",
    families: tuple[str, ...] = ("device",),
    rules: tuple[str, ...] = (),
) -> AppliedVerdicts:
    """Apply a verdict to likes, given by content and user id."""
    campaign = await campaign_of(service)
    pseudonym = campaign.pseudonymiser(service.platform)
    changes = [
        VerdictChange(content, pseudonym(user), verdict, families, rules or families) for content, user in likes
    ]
    source = VerdictSource(1, "window" if by == "rules" else "case", by, DECIDED_AT)
    async with service.service.pool.acquire() as conn, conn.transaction():
        await conn.execute(_LOCK_CAMPAIGN, campaign.campaign_id)
        return await apply_verdicts(conn, campaign, changes, source)


async def verdict_leaves(owner: Connection) -> list[dict[str, Any]]:
    """Return the bodies of the queued leaves about verdicts, oldest first."""
    rows = await owner.fetch("SELECT body FROM leaf_queue WHERE kind = 'verdicts' ORDER BY leaf_id")
    return [json.loads(row["body"]) for row in rows]
