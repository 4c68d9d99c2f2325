"""Uploads: a file of content, worked off in chunks, each in its own transaction, so that intake never waits for all.

What is done stands in the chunks' rows: after a crash the next one goes on behind the last chunk that was committed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from campaigns.catalogue import content_csv, enrolment
from campaigns.catalogue.cache import Campaign, read_campaigns
from campaigns.errors import CampaignClosed, FieldError, NotFound, RequestRefused, ValidationFailed
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
    """What a file would change."""

    contents: list[str]
    digest: bytes
    changed_count: int  # contents that are to be enrolled, or removed
    unchanged_count: int


class Upload(NamedTuple):
    """How far an upload is; a fault: it ended before its end, and what was done until then stays done."""

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
        """Where it is."""
        if self.ended_at is None:
            return "running"
        return "done" if self.fault is None else "failed"


async def plan_upload(
    conn: Connection, campaign: Campaign, action: UploadAction, contents: list[str], file: bytes
) -> UploadPlan:
    """Return what working the file off would change now. Closed; Faulty: contents belong to other campaigns."""
    if campaign.closed_at is not None:
        raise CampaignClosed(campaign.slug)
    if action == "enrol":
        taken = await enrolment.contents_enrolled_elsewhere(conn, campaign, contents, len(contents))
        if taken:
            faults = [
                FieldError(f"content {content}", f"it belongs to the campaign {slug}") for content, slug in taken
            ]
            raise ValidationFailed(content_csv.truncate_errors(faults))
    own = int(await conn.fetchval(_COUNT_ENROLLED, campaign.campaign_id, contents))
    others = len(contents) - own
    changed, unchanged = (others, own) if action == "enrol" else (own, others)
    return UploadPlan(contents, sha256(file).digest(), changed, unchanged)


async def create_upload(
    conn: Connection, campaign: Campaign, action: UploadAction, plan: UploadPlan, by: str, now: datetime
) -> str:
    """Keep what is to be done, to be worked off by `step`; return the upload's id. Joins the caller's transaction."""
    upload_id = f"upl_{uuid4().hex[:20]}"
    contents = plan.contents
    chunks = [contents[at : at + CHUNK_CONTENTS] for at in range(0, len(contents), CHUNK_CONTENTS)]
    own = upload_id, campaign.campaign_id, action, len(contents), plan.digest, by, now
    await conn.execute(_ADD_UPLOAD, *own)
    await conn.executemany(_ADD_UPLOAD_CHUNKS, [(upload_id, n, chunk) for n, chunk in enumerate(chunks, 1)])
    return upload_id


async def process_chunk(conn: Connection, upload_id: str, pseudonym_key: bytes, now: datetime) -> bool:
    """Do an upload's next chunk, in the caller's transaction; return whether this ended it. Safe to repeat.

    False as well where another works on it at this moment, or it had ended.
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
    except RequestRefused as refused:
        return await finish_upload(conn, upload_id, now, refused)
    await conn.execute(_FINISH_CHUNK, upload_id, chunk["number"], len(changed), now)
    if await conn.fetchrow(_FIND_NEXT_CHUNK, upload_id) is not None:
        return False
    return await finish_upload(conn, upload_id, now)


async def finish_upload(conn: Connection, upload_id: str, now: datetime, failure: Refusal | None = None) -> bool:
    """End an upload; False: it had ended. Waits for the chunk under way."""
    fault = encode_refusal(failure, _FAULT_CHARS_MAX) if failure else None
    return await conn.fetchval(_FINISH_UPLOAD, upload_id, now, fault) is not None


async def running_upload_ids(conn: Connection) -> list[str]:
    """Return the uploads that have not ended, oldest first."""
    return [row["upload_id"] for row in await conn.fetch(_LIST_RUNNING_UPLOADS)]


async def find_upload(conn: Connection, upload_id: str) -> Upload:
    """Return how far an upload is. NotFound: there is none."""
    found = await conn.fetchrow(_LIST_UPLOADS, None, None, 1, upload_id, None)
    if found is None:
        raise NotFound(f"there is no upload {upload_id!r}")
    return Upload(*found)


async def recent_uploads(
    conn: Connection, before: tuple[datetime, str] | None, limit: int, campaign: str | None
) -> list[Upload]:
    """Return uploads, newest first, of those before a moment and id; of one campaign where it is named."""
    at, upload_id = before or (None, None)
    rows: Sequence[Any] = await conn.fetch(_LIST_UPLOADS, at, upload_id, limit, None, campaign)
    return [Upload(*row) for row in rows]
