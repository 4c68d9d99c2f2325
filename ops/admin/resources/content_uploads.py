"""Files of content: taken whole or not at all, then worked off in the background; how far each is."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from time import perf_counter
from typing import Any

from typing_extensions import TypedDict

from campaigns.catalogue import content_csv, content_uploads
from campaigns.catalogue.content_uploads import Action, Upload
from ops.admin.core import audit_log
from ops.admin.core.actor import BY_SCHEDULE, ROLES, Role
from ops.admin.core.command import Asked, Command, Desk, Done, Office, Run, Sent, Why
from ops.admin.core.errors import UploadRefused
from ops.admin.core.pagination import TEXT, Listing, Query, Reading, moment, name
from ops.admin.resources.campaigns import find
from ops.admin.resources.content import PLACE
from ops.clock import utc_now

_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_REST_SECONDS_MIN = 0.1  # between two chunks, or as long as the last one took: then intake goes on


class Stopping(Asked):
    """Why an upload is to end before its end."""

    reason: Why


def _taking(action: Action) -> Run[Sent]:
    async def run(desk: Desk, slug: str, asked: Sent) -> Done:
        contents = await asyncio.to_thread(content_csv.read, asked.content)  # which may take a second
        campaign = await find(desk, slug)
        wanted = await content_uploads.prospect(desk.conn, campaign, action, contents, asked.content)
        was: dict[str, Any] = {"unchanged": wanted.unchanged}
        if not wanted.changed:
            return Done(f"campaign/{slug}", was, was)
        upload_id = await content_uploads.begin(desk.conn, campaign, action, wanted, desk.actor.name, desk.now)
        told = {f"to_{action}": wanted.changed, "upload": upload_id, "sha256": wanted.digest.hex()}
        return Done(f"campaign/{slug}", was, was | told)

    return run


async def _stop(desk: Desk, upload_id: str, asked: Stopping) -> Done:
    """What was done until then stays done."""
    was = await content_uploads.find(desk.conn, upload_id)
    fault = f"stopped by {desk.actor.name}: {asked.reason}"
    if not await content_uploads.end(desk.conn, upload_id, desk.now, fault):
        raise UploadRefused(f"{upload_id} has ended already")
    return Done(f"upload/{upload_id}", {"state": was.state}, {"state": "failed", "fault": fault})


async def work_off(office: Office, upload_id: str) -> AsyncIterator[Upload]:
    """Work an upload off, chunk by chunk, beside whoever else does; yield how far it is, until it has ended.

    A crash loses no more than the chunk under way, which is then done by the next who calls this.
    """
    while True:
        started = perf_counter()
        async with office.pool.acquire() as conn, conn.transaction():
            has_ended = await content_uploads.step(conn, upload_id, office.keys.pseudonym, utc_now())
            upload = await content_uploads.find(conn, upload_id)
            if has_ended:
                await _tell(conn, upload)
        yield upload
        if upload.state != "running":
            return
        await asyncio.sleep(max(perf_counter() - started, _REST_SECONDS_MIN))


async def _tell(conn: Any, upload: Upload) -> None:
    ended = {"state": upload.state, "done": upload.done, "changed": upload.changed}
    after = ended | ({"fault": upload.fault} if upload.fault else {})
    done = Done(f"upload/{upload.upload_id}", {"state": "running"}, after)
    await audit_log.write(conn, BY_SCHEDULE, "upload.end", done, utc_now())


async def work_off_all(office: Office) -> None:
    """Work off every upload that has not ended, oldest first."""
    async with office.pool.acquire() as conn:
        waiting = await content_uploads.running(conn)
    for upload_id in waiting:
        async for _ in work_off(office, upload_id):
            pass


class ShownUpload(TypedDict):
    """How far an upload is: `done` of its contents were looked at, `changed` of those were not so before."""

    upload: str
    campaign: str
    action: Action
    state: str
    total: int
    done: int
    changed: int
    by: str
    at: str
    ended_at: str | None
    fault: str | None


def shown(upload: Upload) -> ShownUpload:
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


async def _read(desk: Desk, upload_id: str) -> ShownUpload:
    return shown(await content_uploads.find(desk.conn, upload_id))


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    before = (asked.after[0], asked.after[1]) if asked.after else None
    found = await content_uploads.newest(desk.conn, before, asked.limit, asked.filters.get("campaign"))
    return [shown(upload) for upload in found]


UPLOADS = Listing(
    "uploads",
    "/uploads",
    "Files of content, newest first, and how far each is",
    frozenset(ROLES),
    {"campaign": TEXT},
    _list,
    lambda row: (row["at"], row["upload"]),
    (moment, name),
    ShownUpload,
)

UPLOAD = Reading("/uploads/{upload}", "How far a file of content is", frozenset(ROLES), _read, ShownUpload)


def _command(action: Action, summary: str) -> Command[Sent]:
    return Command(
        f"content.{action}_file",
        f"{PLACE}/{action}/file",
        summary,
        _CAMPAIGNS,
        Sent,
        _taking(action),
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
        Stopping,
        _stop,
        example={"reason": "the wrong file"},
    ),
)
