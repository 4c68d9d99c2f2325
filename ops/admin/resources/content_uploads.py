"""Content files: accepted whole or refused, then processed in the background; their progress."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from time import perf_counter
from typing import Any

from typing_extensions import TypedDict

from campaigns.catalogue import content_csv, content_uploads
from campaigns.catalogue.content_uploads import Upload, UploadAction
from campaigns.stored_refusals import RefusalObject, refusal_object
from ledger.errors import Refusal
from ops.admin.core import audit_log
from ops.admin.core.actor import ROLES, SCHEDULER, Role
from ops.admin.core.command import (
    Command,
    CommandBody,
    CommandContext,
    CommandHandler,
    CommandResult,
    CommandServices,
    FileBody,
    ReasonText,
)
from ops.admin.core.errors import UploadRefused
from ops.admin.core.pagination import TEXT, DetailEndpoint, ListEndpoint, ListQuery, parse_instant, parse_name
from ops.admin.resources.campaigns import find_campaign
from ops.admin.resources.content import CONTENT_PATH
from ops.clock import utc_now
from ops.i18n.stored_refusals import stored_refusal_text
from sql import Connection

_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_PAUSE_SECONDS_MIN = 0.1  # between chunks, or as long as the last took: intake runs meanwhile


class StopRequest(CommandBody):
    """The reason to stop an upload."""

    reason: ReasonText


def _upload_handler(action: UploadAction) -> CommandHandler[FileBody]:
    async def run(context: CommandContext, slug: str, body: FileBody) -> CommandResult:
        contents = await asyncio.to_thread(content_csv.parse_contents, body.content)  # takes a second
        campaign = await find_campaign(context, slug)
        plan = await content_uploads.plan_upload(context.conn, campaign, action, contents, body.content)
        before: dict[str, Any] = {"unchanged": plan.unchanged_count}
        if not plan.changed_count:
            return CommandResult(f"campaign/{slug}", before, before)
        upload_id = await content_uploads.create_upload(
            context.conn, campaign, action, plan, context.actor.name, context.now
        )
        after = before | {f"to_{action}": plan.changed_count, "upload": upload_id, "sha256": plan.digest.hex()}
        return CommandResult(f"campaign/{slug}", before, after)

    return run


async def _stop(context: CommandContext, upload_id: str, body: StopRequest) -> CommandResult:
    """Keep the chunks that were processed before."""
    state = (await content_uploads.find_upload(context.conn, upload_id)).state
    failure = Refusal("upload_stopped_by", name=context.actor.name, reason=body.reason)
    if not await content_uploads.finish_upload(context.conn, upload_id, context.now, failure):
        raise UploadRefused("upload_ended", upload=upload_id)
    return CommandResult(f"upload/{upload_id}", {"state": state}, {"state": "failed", "reason": body.reason})


async def process_upload(services: CommandServices, upload_id: str) -> AsyncIterator[Upload]:
    """Process an upload chunk by chunk and yield its progress until it ends.

    Several processes may do so at once. A crash loses at most the chunk in progress, which the next caller processes.
    """
    while True:
        started = perf_counter()
        async with services.pool.acquire() as conn, conn.transaction():
            has_ended = await content_uploads.process_chunk(conn, upload_id, services.keys.pseudonym, utc_now())
            upload = await content_uploads.find_upload(conn, upload_id)
            if has_ended:
                await _audit_end(conn, upload)
        yield upload
        if upload.state != "running":
            return
        await asyncio.sleep(max(perf_counter() - started, _PAUSE_SECONDS_MIN))


async def _audit_end(conn: Connection, upload: Upload) -> None:
    after: dict[str, Any] = {"state": upload.state, "done": upload.done, "changed": upload.changed}
    if upload.failure is not None:
        after["failure"] = refusal_object(upload.failure)
    result = CommandResult(f"upload/{upload.upload_id}", {"state": "running"}, after)
    await audit_log.add_entry(conn, SCHEDULER, "upload.end", result, utc_now())


async def process_uploads(services: CommandServices) -> None:
    """Process every running upload to its end, oldest first."""
    async with services.pool.acquire() as conn:
        running = await content_uploads.running_upload_ids(conn)
    for upload_id in running:
        async for _ in process_upload(services, upload_id):
            pass


class UploadView(TypedDict):
    """Progress of an upload: `done` contents were processed, `changed` counts the changed ones.

    `fault` says in English why it ended early; `failure` says the same by code.
    """

    upload: str
    campaign: str
    action: UploadAction
    state: str
    total: int
    done: int
    changed: int
    by: str
    at: str
    ended_at: str | None
    fault: str | None
    failure: RefusalObject | None


def upload_view(upload: Upload) -> UploadView:
    """Return an upload as JSON. Pure."""
    return {
        "upload": upload.upload_id,
        "campaign": upload.campaign,
        "action": upload.action,
        "state": upload.state,
        "total": upload.contents,
        "done": upload.done,
        "changed": upload.changed,
        "by": upload.by,
        "at": upload.at.isoformat(),
        "ended_at": upload.ended_at.isoformat() if upload.ended_at else None,
        "fault": stored_refusal_text(upload.fault, "en") if upload.fault else None,
        "failure": refusal_object(upload.failure) if upload.failure else None,
    }


async def _read_upload(context: CommandContext, upload_id: str) -> UploadView:
    return upload_view(await content_uploads.find_upload(context.conn, upload_id))


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    before = (list_query.after[0], list_query.after[1]) if list_query.after else None
    uploads = await content_uploads.recent_uploads(
        context.conn, before, list_query.limit, list_query.filters.get("campaign")
    )
    return [upload_view(upload) for upload in uploads]


UPLOADS = ListEndpoint(
    "uploads",
    "/uploads",
    "Content files and their progress, newest first",
    frozenset(ROLES),
    {"campaign": TEXT},
    _list,
    lambda row: (row["at"], row["upload"]),
    (parse_instant, parse_name),
    UploadView,
)

UPLOAD = DetailEndpoint("/uploads/{upload}", "Progress of a content file", frozenset(ROLES), _read_upload, UploadView)


def _command(action: UploadAction, summary: str) -> Command[FileBody]:
    return Command(
        f"content.{action}_file",
        f"{CONTENT_PATH}/{action}/file",
        summary,
        _CAMPAIGNS,
        FileBody,
        _upload_handler(action),
        example={"content": b"content\n3431182\n3431183\n"},
        content_type="text/csv",
        bytes_max=content_csv.FILE_BYTES_MAX,
    )


COMMANDS: tuple[Command[Any], ...] = (
    _command("enrol", "Enrol a file of content, one id per line; `after.upload` identifies its progress"),
    _command("remove", "Remove a file of content from a campaign, one id per line"),
    Command(
        "upload.stop",
        "/uploads/{upload}/stop",
        "Stop an upload; processed content stays processed",
        _CAMPAIGNS,
        StopRequest,
        _stop,
        example={"reason": "the wrong file"},
    ),
)
