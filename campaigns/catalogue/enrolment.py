"""Enrolment of content: a content belongs to at most one campaign that is not closed."""

from collections.abc import Iterable

from pydantic import TypeAdapter, ValidationError

from campaigns.catalogue.apply_promise import lock_open_campaign
from campaigns.catalogue.cache import Campaign, lock_and_bump_version
from campaigns.errors import EnrolmentRefused, printable
from campaigns.promise.model import Content
from campaigns.promise.toml_file import field_errors
from sql import Connection, query

_FIND_ENROLLED_ELSEWHERE = query("find_enrolled_elsewhere")
_ENROL_CONTENT = query("enrol_content")
_REMOVE_ENROLMENTS = query("remove_enrolments")
_CONTENT = TypeAdapter(Content)
_CONTENT_CHARS_SHOWN = 40  # of an invalid id in its refusal


async def enrol_contents(conn: Connection, campaign: Campaign, contents: Iterable[str]) -> list[str]:
    """Enrol contents in a campaign; return those that were not enrolled in it before. All or none.

    Raises EnrolmentRefused if an id is not valid, or belongs to another campaign that is not
    closed. Raises CampaignClosed if the campaign is closed. Joins the caller's transaction.
    """
    wanted = validate_contents(contents)
    version = await lock_and_bump_version(conn)
    await lock_open_campaign(conn, campaign)
    for content, slug in await contents_enrolled_elsewhere(conn, campaign, wanted, 1):
        raise EnrolmentRefused("content_enrolled_elsewhere", content=content, slug=slug)
    rows = await conn.fetch(_ENROL_CONTENT, campaign.campaign_id, wanted, version)
    return sorted(row["content"] for row in rows)


async def contents_enrolled_elsewhere(
    conn: Connection, campaign: Campaign, contents: list[str], limit: int
) -> list[tuple[str, str]]:
    """Return at most `limit` contents of other campaigns that are not closed, with their slugs.

    Joins the caller's transaction.
    """
    rows = await conn.fetch(_FIND_ENROLLED_ELSEWHERE, campaign.campaign_id, contents, limit)
    return [(row["content"], row["slug"]) for row in rows]


async def remove_contents(conn: Connection, campaign: Campaign, contents: Iterable[str]) -> list[str]:
    """Remove contents from a campaign; return those that were enrolled in it.

    Counted likes stay counted. Raises EnrolmentRefused if an id is not valid. Joins the
    caller's transaction.
    """
    unwanted = validate_contents(contents)
    version = await lock_and_bump_version(conn)
    rows = await conn.fetch(_REMOVE_ENROLMENTS, campaign.campaign_id, unwanted, version)
    return sorted(row["content"] for row in rows)


def validate_contents(contents: Iterable[str]) -> list[str]:
    """Return the contents once each, sorted: all transactions take row locks in one order.

    Raises EnrolmentRefused if an id is not valid. Pure.
    """
    ordered = sorted(set(contents))
    for content in ordered:
        if refusal := content_error(content):
            shortened = printable(content[:_CONTENT_CHARS_SHOWN])
            raise EnrolmentRefused("content_invalid", content=shortened, reason=refusal)
    return ordered


def content_error(text: str) -> EnrolmentRefused | None:
    """Return why a text is not a valid content id, or None if it is one. Pure."""
    try:
        _CONTENT.validate_python(text, strict=True)
    except ValidationError as error:
        first, *_ = field_errors(error)
        return EnrolmentRefused(first.code, **first.params)
    return None
