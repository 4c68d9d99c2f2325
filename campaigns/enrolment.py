"""Which content is whose: a content belongs to at most one campaign at a time, until that one is closed."""

from collections.abc import Iterable

from pydantic import TypeAdapter, ValidationError

from campaigns.catalogue import Campaign, change
from campaigns.events import Content
from campaigns.promising import lock_open
from campaigns.refusals import EnrolmentRefused
from sql import Connection, query

_ENROLLED_ELSEWHERE = query("enrolled_elsewhere")
_ENROL = query("enrol")
_REMOVE_ENROLMENTS = query("remove_enrolments")
_CONTENT = TypeAdapter(Content)


async def enrol(conn: Connection, campaign: Campaign, contents: Iterable[str]) -> int:
    """Enrol contents in a campaign; return how many were not enrolled in it before. Joins the caller's transaction.

    All or none: EnrolmentRefused names what is no content, or belongs to another campaign that is not closed.
    """
    wanted = _checked(contents)
    await change(conn)
    await lock_open(conn, campaign)
    taken = await conn.fetchrow(_ENROLLED_ELSEWHERE, campaign.campaign_id, wanted)
    if taken is not None:
        raise EnrolmentRefused(f"the content {taken['content']} belongs to the campaign {taken['slug']}")
    return _rows(await conn.execute(_ENROL, campaign.campaign_id, wanted))


async def remove(conn: Connection, campaign: Campaign, contents: Iterable[str]) -> int:
    """Take contents out of a campaign; return how many were in it. Likes that were counted stay counted."""
    unwanted = _checked(contents)
    await change(conn)
    return _rows(await conn.execute(_REMOVE_ENROLMENTS, campaign.campaign_id, unwanted))


def _checked(contents: Iterable[str]) -> list[str]:
    """Return the contents once each, in order, so that all transactions go through them the same way."""
    found = sorted(set(contents))
    for content in found:
        try:
            _CONTENT.validate_python(content, strict=True)
        except ValidationError as error:
            raise EnrolmentRefused(f"{content[:40]!r} is no content: {error.errors()[0]['msg']}") from None
    return found


def _rows(status: str) -> int:
    """Return how many rows a statement changed: the last word of PostgreSQL's answer to it."""
    return int(status.rsplit(" ", 1)[1])
