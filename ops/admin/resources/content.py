"""Content: enrolled, removed, paused and resumed, some at once; a list of it. Whole files: `uploads`."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue import cache, content_uploads, enrolment, pauses
from campaigns.catalogue.cache import Campaign
from campaigns.promise.model import Content
from ops.admin.core.actor import ROLES, Role
from ops.admin.core.command import Asked, Command, Desk, Done, Run
from ops.admin.core.pagination import TEXT, TRUTH, Listing, Query, name
from ops.admin.resources.campaigns import find
from sql import query

PLACE = "/campaigns/{slug}/content"
_SHOWN_MAX = 100  # of the contents that an answer and the audit name
_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_LIST_CONTENT = query("list_content")

Change = Callable[[Desk, Campaign, list[str]], Awaitable[list[str]]]


class Contents(Asked):
    """Some content, as the platforms name it; more of it as a file."""

    contents: Annotated[list[Content], Field(min_length=1, max_length=content_uploads.CHUNK_CONTENTS)]


def changing(verb: str, change: Change) -> Run[Contents]:
    """Return what does one thing to some content, all of it or none; `verb` says what was done to it."""

    async def run(desk: Desk, slug: str, asked: Contents) -> Done:
        await cache.change(desk.conn)
        campaign = await find(desk, slug)
        changed = await change(desk, campaign, asked.contents)
        was = {"unchanged": len(set(asked.contents)) - len(changed)}
        becomes = was | ({verb: len(changed), "contents": changed[:_SHOWN_MAX]} if changed else {})
        return Done(f"campaign/{slug}", was, becomes)

    return run


async def _enrol(desk: Desk, campaign: Campaign, contents: list[str]) -> list[str]:
    return await enrolment.enrol(desk.conn, campaign, contents)


async def _remove(desk: Desk, campaign: Campaign, contents: list[str]) -> list[str]:
    return await enrolment.remove(desk.conn, campaign, contents)


async def _pause(desk: Desk, campaign: Campaign, contents: list[str]) -> list[str]:
    return await pauses.pause(desk.conn, campaign, contents, desk.now)


async def _resume(desk: Desk, campaign: Campaign, contents: list[str]) -> list[str]:
    return await pauses.resume(desk.conn, campaign, contents, desk.now)


class ShownContent(TypedDict):
    """A content and its campaign; `enrolled_at` is null where the campaign is open to all and it was only paused."""

    content: str
    campaign: str
    enrolled_at: str | None
    paused_at: str | None


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    content, campaign = asked.after or (None, None)
    wanted = (asked.filters.get(each) for each in ("campaign", "content", "paused"))
    rows = await desk.conn.fetch(_LIST_CONTENT, content, campaign, asked.limit, *wanted)
    return [
        {"content": row[0], "campaign": row[1], "enrolled_at": _instant(row[2]), "paused_at": _instant(row[3])}
        for row in rows
    ]


def _instant(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


CONTENT = Listing(
    "content",
    "/content",
    "Content that is enrolled or paused, by its id",
    frozenset(ROLES),
    {"campaign": TEXT, "content": TEXT, "paused": TRUTH},
    _list,
    lambda row: (row["content"], row["campaign"]),
    (name, name),
    ShownContent,
)


def _command(verb: str, done: str, summary: str, change: Change) -> Command[Contents]:
    return Command(
        f"content.{verb}",
        f"{PLACE}/{verb}",
        summary,
        _CAMPAIGNS,
        Contents,
        changing(done, change),
        example={"contents": ["3431182"]},
    )


COMMANDS: tuple[Command[Any], ...] = (
    _command("enrol", "enrolled", "Enrol content: each belongs to at most one campaign at a time", _enrol),
    _command("remove", "removed", "Take content out of a campaign; what was counted stays counted", _remove),
    _command("pause", "paused", "Take no like of some content for now; what was counted stays", _pause),
    _command("resume", "resumed", "Take likes of paused content again", _resume),
)
