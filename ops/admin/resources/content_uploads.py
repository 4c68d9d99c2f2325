"""Files of content: taken whole or not at all, then worked off in the background; how far each is."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from time import perf_counter
from typing import Any

from typing_extensions import TypedDict

from campaigns.catalogue import content_csv, content_uploads
from campaigns.catalogue.content_uploads import Upload, UploadAction
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
from ops.i18n.refusals import refusal_text

_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_PAUSE_SECONDS_MIN = 0.1  # between two chunks, or as long as the last one took: then intake goes on


class StopRequest(CommandBody):
    """Why an upload is to end before its end."""

    reason: ReasonText


def _upload_handler(action: UploadAction) -> CommandHandler[FileBody]:
    async def run(desk: CommandContext, slug: str, asked: FileBody) -> CommandResult:
        contents = await asyncio.to_thread(content_csv.parse_contents, asked.content)  # which may take a second
        campaign = await find_campaign(desk, slug)
        wanted = await content_uploads.plan_upload(desk.conn, campaign, action, contents, asked.content)
        was: dict[str, Any] = {"unchanged": wanted.unchanged_count}
        if not wanted.changed_count:
            return CommandResult(f"campaign/{slug}", was, was)
        upload_id = await content_uploads.create_upload(
            desk.conn, campaign, action, wanted, desk.actor.name, desk.now
        )
        told = {f"to_{action}": wanted.changed_count, "upload": upload_id, "sha256": wanted.digest.hex()}
        return CommandResult(f"campaign/{slug}", was, was | told)

    return run


async def _stop(context: CommandContext, upload_id: str, body: StopRequest) -> CommandResult:
    """What was done until then stays done."""
    was = await content_uploads.find_upload(context.conn, upload_id)
    fault = f"stopped by {context.actor.name}: {body.reason}"
    if not await content_uploads.finish_upload(context.conn, upload_id, context.now, fault):
        raise UploadRefused(f"{upload_id} has ended already")
    return CommandResult(f"upload/{upload_id}", {"state": was.state}, {"state": "failed", "fault": fault})


async def process_upload(services: CommandServices, upload_id: str) -> AsyncIterator[Upload]:
    """Work an upload off, chunk by chunk, beside whoever else does; yield how far it is, until it has ended.

    A crash loses no more than the chunk under way, which is then done by the next who calls this.
    """
    while True:
        started = perf_counter()
        async with services.pool.acquire() as conn, conn.transaction():
            has_ended = await content_uploads.process_chunk(
                conn, upload_id, services.keys.pseudonym, utc_now(), _format_fault
            )
            upload = await content_uploads.find_upload(conn, upload_id)
            if has_ended:
                await _audit_end(conn, upload)
        yield upload
        if upload.state != "running":
            return
        await asyncio.sleep(max(perf_counter() - started, _PAUSE_SECONDS_MIN))


def _format_fault(refusal: Refusal) -> str:
    return refusal_text(refusal, "en").rstrip(".")


async def _audit_end(conn: Any, upload: Upload) -> None:
    ended = {"state": upload.state, "done": upload.done, "changed": upload.changed}
    after = ended | ({"fault": upload.fault} if upload.fault else {})
    done = CommandResult(f"upload/{upload.upload_id}", {"state": "running"}, after)
    await audit_log.add_entry(conn, SCHEDULER, "upload.end", done, utc_now())


async def process_uploads(services: CommandServices) -> None:
    """Work off every upload that has not ended, oldest first."""
    async with services.pool.acquire() as conn:
        waiting = await content_uploads.running_upload_ids(conn)
    for upload_id in waiting:
        async for _ in process_upload(services, upload_id):
            pass


class UploadView(TypedDict):
    """How far an upload is: `done` of its contents were looked at, `changed` of those were not so before."""

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


def upload_view(upload: Upload) -> UploadView:
    """Return an upload as it is shown."""
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
        "fault": upload.fault,
    }


async def _read_upload(context: CommandContext, upload_id: str) -> UploadView:
    return upload_view(await content_uploads.find_upload(context.conn, upload_id))


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    before = (list_query.after[0], list_query.after[1]) if list_query.after else None
    found = await content_uploads.recent_uploads(
        context.conn, before, list_query.limit, list_query.filters.get("campaign")
    )
    return [upload_view(upload) for upload in found]


UPLOADS = ListEndpoint(
    "uploads",
    "/uploads",
    "Files of content, newest first, and how far each is",
    frozenset(ROLES),
    {"campaign": TEXT},
    _list,
    lambda row: (row["at"], row["upload"]),
    (parse_instant, parse_name),
    UploadView,
)

UPLOAD = DetailEndpoint(
    "/uploads/{upload}", "How far a file of content is", frozenset(ROLES), _read_upload, UploadView
)


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
    _command("enrol", "Enrol a file of content, one id a line; `upload` in the answer's `after` tells how far it is"),
    _command("remove", "Take a file of content out of a campaign"),
    Command(
        "upload.stop",
        "/uploads/{upload}/stop",
        "End an upload before its end; what was done until then stays done",
        _CAMPAIGNS,
        StopRequest,
        _stop,
        example={"reason": "the wrong file"},
    ),
)
