"""Which content is whose: a content belongs to at most one campaign at a time, until that one is closed."""

from collections.abc import Iterable

from pydantic import TypeAdapter, ValidationError

from campaigns.catalogue.apply_promise import lock_open_campaign
from campaigns.catalogue.cache import Campaign, lock_and_bump_version
from campaigns.errors import EnrolmentRefused
from campaigns.promise.model import Content
from sql import Connection, query

_FIND_ENROLLED_ELSEWHERE = query("find_enrolled_elsewhere")
_ENROL_CONTENT = query("enrol_content")
_REMOVE_ENROLMENTS = query("remove_enrolments")
_CONTENT = TypeAdapter(Content)


async def enrol_contents(conn: Connection, campaign: Campaign, contents: Iterable[str]) -> list[str]:
    """Enrol contents in a campaign; return those that were not enrolled in it before. Joins the caller's transaction.

    All or none: EnrolmentRefused names what is no content, or belongs to another campaign that is not closed.
    """
    wanted = validate_contents(contents)
    version = await lock_and_bump_version(conn)
    await lock_open_campaign(conn, campaign)
    for content, slug in await contents_enrolled_elsewhere(conn, campaign, wanted, 1):
        raise EnrolmentRefused(f"the content {content} belongs to the campaign {slug}")
    rows = await conn.fetch(_ENROL_CONTENT, campaign.campaign_id, wanted, version)
    return sorted(row["content"] for row in rows)


async def contents_enrolled_elsewhere(
    conn: Connection, campaign: Campaign, contents: list[str], limit: int
) -> list[tuple[str, str]]:
    """Return contents that belong to another campaign which is not closed, each with its slug."""
    rows = await conn.fetch(_FIND_ENROLLED_ELSEWHERE, campaign.campaign_id, contents, limit)
    return [(row["content"], row["slug"]) for row in rows]


async def remove_contents(conn: Connection, campaign: Campaign, contents: Iterable[str]) -> list[str]:
    """Take contents out of a campaign; return those that were in it. Likes that were counted stay counted."""
    unwanted = validate_contents(contents)
    version = await lock_and_bump_version(conn)
    rows = await conn.fetch(_REMOVE_ENROLMENTS, campaign.campaign_id, unwanted, version)
    return sorted(row["content"] for row in rows)


def validate_contents(contents: Iterable[str]) -> list[str]:
    """Return the contents once each, in order, so that all transactions go through them the same way."""
    found = sorted(set(contents))
    for content in found:
        fault = content_error(content)
        if fault is not None:
            raise EnrolmentRefused(f"{content[:40]!r} is no content: {fault}")
    return found


def content_error(text: str) -> str | None:
    """Return why a text cannot be a content's id; None: it can. Pure."""
    try:
        _CONTENT.validate_python(text, strict=True)
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return None
