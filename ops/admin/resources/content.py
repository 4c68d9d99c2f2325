"""Content: the list, and commands that enrol, remove, pause and resume some.

Files: `content_uploads`.
"""

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
_CONTENTS_SHOWN_MAX = 100  # named in the response and in the audit log
_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_LIST_CONTENT = query("list_content")

ChangeContents = Callable[[CommandContext, Campaign, list[str]], Awaitable[list[str]]]


class Contents(CommandBody):
    """Content ids of the platforms; longer lists go as a file."""

    contents: Annotated[list[Content], Field(min_length=1, max_length=content_uploads.CHUNK_CONTENTS)]


def bulk_handler(result_key: str, change: ChangeContents) -> CommandHandler[Contents]:
    """Return a handler that changes all content or none; `result_key` names the count."""

    async def run(context: CommandContext, slug: str, body: Contents) -> CommandResult:
        await cache.lock_and_bump_version(context.conn)
        campaign = await find_campaign(context, slug)
        changed = await change(context, campaign, body.contents)
        before = {"unchanged": len(set(body.contents)) - len(changed)}
        added = {result_key: len(changed), "contents": changed[:_CONTENTS_SHOWN_MAX]} if changed else {}
        return CommandResult(f"campaign/{slug}", before, before | added)

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
    """Content of a campaign; `enrolled_at` is null if it is paused but not enrolled."""

    content: str
    campaign: str
    enrolled_at: str | None
    paused_at: str | None


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    content, campaign = list_query.after or (None, None)
    filters = (list_query.filters.get(name) for name in ("campaign", "content", "paused"))
    rows = await context.conn.fetch(_LIST_CONTENT, content, campaign, list_query.limit, *filters)
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
    "Enrolled and paused content, by id",
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
    _command("enrol", "enrolled", "Enrol content; content belongs to at most one campaign at a time", _enrol),
    _command("remove", "removed", "Remove content from a campaign; counted likes stay counted", _remove),
    _command("pause", "paused", "Stop counting likes of content for now; counted likes stay counted", _pause),
    _command("resume", "resumed", "Count likes of paused content again", _resume),
)
