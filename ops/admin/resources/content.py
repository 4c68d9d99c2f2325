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
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandHandler, CommandResult
from ops.admin.core.pagination import BOOLEAN, TEXT, ListEndpoint, ListQuery, parse_name
from ops.admin.resources.campaigns import find_campaign
from sql import query

CONTENT_PATH = "/campaigns/{slug}/content"
_CONTENTS_SHOWN_MAX = 100  # of the contents that an answer and the audit name
_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_LIST_CONTENT = query("list_content")

ChangeContents = Callable[[CommandContext, Campaign, list[str]], Awaitable[list[str]]]


class Contents(CommandBody):
    """Some content, as the platforms name it; more of it as a file."""

    contents: Annotated[list[Content], Field(min_length=1, max_length=content_uploads.CHUNK_CONTENTS)]


def bulk_handler(result_key: str, change: ChangeContents) -> CommandHandler[Contents]:
    """Return what does one thing to some content, all of it or none; `verb` says what was done to it."""

    async def run(desk: CommandContext, slug: str, asked: Contents) -> CommandResult:
        await cache.lock_and_bump_version(desk.conn)
        campaign = await find_campaign(desk, slug)
        changed = await change(desk, campaign, asked.contents)
        was = {"unchanged": len(set(asked.contents)) - len(changed)}
        becomes = was | ({result_key: len(changed), "contents": changed[:_CONTENTS_SHOWN_MAX]} if changed else {})
        return CommandResult(f"campaign/{slug}", was, becomes)

    return run


async def _enrol(context: CommandContext, campaign: Campaign, contents: list[str]) -> list[str]:
    return await enrolment.enrol_contents(context.conn, campaign, contents)


async def _remove(context: CommandContext, campaign: Campaign, contents: list[str]) -> list[str]:
    return await enrolment.remove_contents(context.conn, campaign, contents)


async def _pause(context: CommandContext, campaign: Campaign, contents: list[str]) -> list[str]:
    return await pauses.pause_contents(context.conn, campaign, contents, context.now)


async def _resume(context: CommandContext, campaign: Campaign, contents: list[str]) -> list[str]:
    return await pauses.resume_contents(context.conn, campaign, contents, context.now)


class ContentView(TypedDict):
    """A content and its campaign; `enrolled_at` is null where the campaign is open to all and it was only paused."""

    content: str
    campaign: str
    enrolled_at: str | None
    paused_at: str | None


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    content, campaign = list_query.after or (None, None)
    wanted = (list_query.filters.get(each) for each in ("campaign", "content", "paused"))
    rows = await context.conn.fetch(_LIST_CONTENT, content, campaign, list_query.limit, *wanted)
    return [
        {
            "content": row[0],
            "campaign": row[1],
            "enrolled_at": _format_instant(row[2]),
            "paused_at": _format_instant(row[3]),
        }
        for row in rows
    ]


def _format_instant(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


CONTENT = ListEndpoint(
    "content",
    "/content",
    "Content that is enrolled or paused, by its id",
    frozenset(ROLES),
    {"campaign": TEXT, "content": TEXT, "paused": BOOLEAN},
    _list,
    lambda row: (row["content"], row["campaign"]),
    (parse_name, parse_name),
    ContentView,
)


def _command(verb: str, result_key: str, summary: str, change: ChangeContents) -> Command[Contents]:
    return Command(
        f"content.{verb}",
        f"{CONTENT_PATH}/{verb}",
        summary,
        _CAMPAIGNS,
        Contents,
        bulk_handler(result_key, change),
        example={"contents": ["3431182"]},
    )


COMMANDS: tuple[Command[Any], ...] = (
    _command("enrol", "enrolled", "Enrol content: each belongs to at most one campaign at a time", _enrol),
    _command("remove", "removed", "Take content out of a campaign; what was counted stays counted", _remove),
    _command("pause", "paused", "Take no like of some content for now; what was counted stays", _pause),
    _command("resume", "resumed", "Take likes of paused content again", _resume),
)
