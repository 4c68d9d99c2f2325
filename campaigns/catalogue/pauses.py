"""Paused content: a campaign takes no like of it for now. What was counted stays, and may be taken back meanwhile.

A pause is of a campaign and a content, so it works where content is open to all, and outlives a removal: what
somebody paused counts again only when somebody resumes it. It goes by the time of arrival: what was refused may
be sent again after the resumption.
"""

from collections.abc import Iterable
from datetime import datetime

from campaigns.catalogue.apply_promise import lock_open_campaign
from campaigns.catalogue.cache import Campaign, lock_and_bump_version
from campaigns.catalogue.enrolment import validate_contents
from campaigns.errors import EnrolmentRefused
from sql import Connection, query

_FIND_UNACCEPTED_CONTENT = query("find_unaccepted_content")
_PAUSE_CONTENT = query("pause_content")
_RESUME_CONTENT = query("resume_content")


async def pause_contents(conn: Connection, campaign: Campaign, contents: Iterable[str], now: datetime) -> list[str]:
    """Take no like of these; return those that were not paused before. Joins the caller's transaction.

    All or none: EnrolmentRefused names a content that is not the campaign's.
    """
    wanted = validate_contents(contents)
    version = await lock_and_bump_version(conn)
    await lock_open_campaign(conn, campaign)
    other = await conn.fetchrow(_FIND_UNACCEPTED_CONTENT, campaign.campaign_id, wanted, campaign.accepts_any_content)
    if other is not None:
        whose = f"belongs to the campaign {other['slug']}" if other["slug"] else "is not enrolled"
        raise EnrolmentRefused(f"the content {other['content']} {whose}: there is nothing to pause")
    rows = await conn.fetch(_PAUSE_CONTENT, campaign.campaign_id, wanted, version, now)
    return sorted(row["content"] for row in rows)


async def resume_contents(conn: Connection, campaign: Campaign, contents: Iterable[str], now: datetime) -> list[str]:
    """Take likes of these again; return those that were paused."""
    wanted = validate_contents(contents)
    version = await lock_and_bump_version(conn)
    await lock_open_campaign(conn, campaign)
    rows = await conn.fetch(_RESUME_CONTENT, campaign.campaign_id, wanted, version, now)
    return sorted(row["content"] for row in rows)
