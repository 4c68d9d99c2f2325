"""Uploads: process a file of content in chunks, a transaction each.

Intake waits for a chunk at most. The rows of the chunks say what is done. After a crash, processing
resumes after the last committed chunk.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from campaigns.catalogue import content_csv, enrolment
from campaigns.catalogue.cache import Campaign, read_campaigns
from campaigns.errors import CampaignClosed, FieldError, NotFound, RequestRefused, ValidationFailed, printable
from campaigns.stored_refusals import decode_refusal, encode_refusal
from ledger.errors import Refusal
from sql import Connection, query

CHUNK_CONTENTS = 5_000
_FAULT_CHARS_MAX = 500

_ADD_UPLOAD = query("add_upload")
_ADD_UPLOAD_CHUNKS = query("add_upload_chunks")
_LOCK_UPLOAD = query("lock_upload")
_FIND_NEXT_CHUNK = query("find_next_chunk")
_FINISH_CHUNK = query("finish_chunk")
_FINISH_UPLOAD = query("finish_upload")
_LIST_RUNNING_UPLOADS = query("list_running_uploads")
_LIST_UPLOADS = query("list_uploads")
_COUNT_ENROLLED = query("count_enrolled")

UploadAction = Literal["enrol", "remove"]
_OPERATIONS: Mapping[str, Callable[[Connection, Campaign, Sequence[str]], Awaitable[list[str]]]] = {
    "enrol": enrolment.enrol_contents,
    "remove": enrolment.remove_contents,
}


class UploadPlan(NamedTuple):
    """The changes that a file would make now."""

    contents: list[str]
    digest: bytes
    changed_count: int  # contents to enrol, or to remove
    unchanged_count: int


class Upload(NamedTuple):
    """The progress of an upload.

    A fault means that it ended early; the chunks done before it stay done.
    """

    upload_id: str
    campaign: str
    action: UploadAction
    contents: int
    by: str
    at: datetime
    ended_at: datetime | None
    fault: str | None
    done: int
    changed: int

    @property
    def failure(self) -> Refusal | None:
        """Return why it ended early; None if it did not, and in rows of old releases."""
        return decode_refusal(self.fault) if self.fault else None

    @property
    def state(self) -> Literal["running", "done", "failed"]:
        """Its state, from the time of its end and its fault."""
        if self.ended_at is None:
            return "running"
        return "done" if self.fault is None else "failed"


async def plan_upload(
    conn: Connection, campaign: Campaign, action: UploadAction, contents: list[str], file: bytes
) -> UploadPlan:
    """Return the changes that processing the file would make now.

    Raises CampaignClosed if the campaign is closed, ValidationFailed if contents belong to
    other campaigns. Joins the caller's transaction.
    """
    if campaign.closed_at is not None:
        raise CampaignClosed(campaign.slug)
    if action == "enrol":
        elsewhere = await enrolment.contents_enrolled_elsewhere(conn, campaign, contents, len(contents))
        if elsewhere:
            errors = [
                FieldError(f"content {content}", "content_of_other_campaign", {"slug": slug})
                for content, slug in elsewhere
            ]
            raise ValidationFailed(content_csv.truncate_errors(errors))
    enrolled = int(await conn.fetchval(_COUNT_ENROLLED, campaign.campaign_id, contents))
    others = len(contents) - enrolled
    changed, unchanged = (others, enrolled) if action == "enrol" else (enrolled, others)
    return UploadPlan(contents, sha256(file).digest(), changed, unchanged)


async def create_upload(
    conn: Connection, campaign: Campaign, action: UploadAction, plan: UploadPlan, by: str, now: datetime
) -> str:
    """Store an upload and its chunks for `process_chunk`; return its id.

    Joins the caller's transaction.
    """
    upload_id = f"upl_{uuid4().hex[:20]}"
    contents = plan.contents
    chunks = [contents[at : at + CHUNK_CONTENTS] for at in range(0, len(contents), CHUNK_CONTENTS)]
    row = upload_id, campaign.campaign_id, action, len(contents), plan.digest, by, now
    await conn.execute(_ADD_UPLOAD, *row)
    await conn.executemany(_ADD_UPLOAD_CHUNKS, [(upload_id, n, chunk) for n, chunk in enumerate(chunks, 1)])
    return upload_id


async def process_chunk(conn: Connection, upload_id: str, pseudonym_key: bytes, now: datetime) -> bool:
    """Process an upload's next chunk; return whether this ended the upload. Safe to repeat.

    Returns False too if another process works on the upload, or if it had ended. A refused
    chunk ends the upload. Joins the caller's transaction.
    """
    if await conn.fetchval(_LOCK_UPLOAD, upload_id) is None:
        return False
    chunk = await conn.fetchrow(_FIND_NEXT_CHUNK, upload_id)
    if chunk is None:
        return await finish_upload(conn, upload_id, now)
    try:
        async with conn.transaction():
            campaign = (await read_campaigns(conn, pseudonym_key))[chunk["slug"]]
            changed = await _OPERATIONS[chunk["action"]](conn, campaign, chunk["contents"])
    except RequestRefused as refusal:
        return await finish_upload(conn, upload_id, now, refusal)
    await conn.execute(_FINISH_CHUNK, upload_id, chunk["number"], len(changed), now)
    if await conn.fetchrow(_FIND_NEXT_CHUNK, upload_id) is not None:
        return False
    return await finish_upload(conn, upload_id, now)


async def finish_upload(conn: Connection, upload_id: str, now: datetime, failure: Refusal | None = None) -> bool:
    """End an upload; return False if it had ended. Waits for the chunk under way.

    Joins the caller's transaction.
    """
    fault = encode_refusal(failure, _FAULT_CHARS_MAX) if failure else None
    return await conn.fetchval(_FINISH_UPLOAD, upload_id, now, fault) is not None


async def running_upload_ids(conn: Connection) -> list[str]:
    """Return the ids of the uploads that have not ended, oldest first.

    Joins the caller's transaction.
    """
    return [row["upload_id"] for row in await conn.fetch(_LIST_RUNNING_UPLOADS)]


async def find_upload(conn: Connection, upload_id: str) -> Upload:
    """Return an upload. Raises NotFound if the id is unknown. Joins the caller's transaction."""
    row = await conn.fetchrow(_LIST_UPLOADS, None, None, 1, upload_id, None)
    if row is None:
        raise NotFound("upload_not_found", upload=printable(upload_id))
    return Upload(*row)


async def recent_uploads(
    conn: Connection, before: tuple[datetime, str] | None, limit: int, campaign: str | None
) -> list[Upload]:
    """Return at most `limit` uploads, newest first, older than a time and id.

    Joins the caller's transaction.
    """
    at, upload_id = before or (None, None)
    rows: Sequence[Any] = await conn.fetch(_LIST_UPLOADS, at, upload_id, limit, None, campaign)
    return [Upload(*row) for row in rows]
