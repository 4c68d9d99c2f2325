"""Paused content: a campaign refuses its likes for now.

Counted likes stay, and may still be withdrawn. A pause belongs to a campaign and a content. So it
works in a campaign that is open to any content, and outlives a removal: paused content counts again
only after it is resumed. The time of arrival decides: a refused like may be sent again after the
resumption.
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
    """Pause contents; return those that were not paused before. All or none.

    Raises EnrolmentRefused if an id is not valid, or not the campaign's; CampaignClosed if the
    campaign is closed. Joins the caller's transaction.
    """
    wanted = validate_contents(contents)
    version = await lock_and_bump_version(conn)
    await lock_open_campaign(conn, campaign)
    row = await conn.fetchrow(_FIND_UNACCEPTED_CONTENT, campaign.campaign_id, wanted, campaign.accepts_any_content)
    if row is not None:
        raise _not_accepted(row["content"], row["slug"])
    rows = await conn.fetch(_PAUSE_CONTENT, campaign.campaign_id, wanted, version, now)
    return sorted(row["content"] for row in rows)


def _not_accepted(content: str, slug: str | None) -> EnrolmentRefused:
    if slug:
        return EnrolmentRefused("pause_content_enrolled_elsewhere", content=content, slug=slug)
    return EnrolmentRefused("pause_content_not_enrolled", content=content)


async def resume_contents(conn: Connection, campaign: Campaign, contents: Iterable[str], now: datetime) -> list[str]:
    """Resume contents; return those that were paused.

    Raises EnrolmentRefused if an id is not valid, CampaignClosed if the campaign is closed.
    Joins the caller's transaction.
    """
    wanted = validate_contents(contents)
    version = await lock_and_bump_version(conn)
    await lock_open_campaign(conn, campaign)
    rows = await conn.fetch(_RESUME_CONTENT, campaign.campaign_id, wanted, version, now)
    return sorted(row["content"] for row in rows)
