"""What could not be read of platforms' deliveries: noted in memory, stored once a while.

Where and why, never a value. A process that is killed loses the notes since its last flush.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from campaigns.intake.kinds.model import Unread
from sql import Connection, Pool, query

ROWS_MAX = 200  # of a platform; beyond them it is `other`
_KEYS_MAX = 5_000
_EVENT_CHARS_MAX, _REASON_CHARS_MAX = 100, 200

_STORE_UNREAD_EVENTS = query("store_unread_events")
_LIST_UNREAD_EVENTS = query("list_unread_events")


class UnreadPart(NamedTuple):
    """A part of a platform's deliveries that could not be read: where, why, and how often."""

    event: str
    reason: str
    times: int
    first_at: datetime
    last_at: datetime


async def list_unread_parts(conn: Connection, platform: str) -> list[UnreadPart]:
    """Return what could not be read of a platform's deliveries, newest first."""
    return [UnreadPart(*row) for row in await conn.fetch(_LIST_UNREAD_EVENTS, platform, ROWS_MAX)]


class _Note(NamedTuple):
    times: int
    first_at: datetime
    last_at: datetime


class UnreadEvents:
    """The parts of deliveries that could not be read since the last flush."""

    def __init__(self) -> None:
        self._notes: dict[tuple[int, str, str], _Note] = {}

    def add(self, platform_id: int, unread: Iterable[Unread], now: datetime) -> None:
        """Note parts of one delivery."""
        for event, reason in unread:
            key = platform_id, event[:_EVENT_CHARS_MAX], reason[:_REASON_CHARS_MAX]
            if key not in self._notes and len(self._notes) >= _KEYS_MAX:
                key = platform_id, "other", "other"
            note = self._notes.get(key, _Note(0, now, now))
            self._notes[key] = _Note(note.times + 1, note.first_at, now)

    async def flush(self, pool: Pool) -> None:
        """Store the notes; keep them for the next flush if that fails."""
        notes, self._notes = self._notes, {}
        if not notes:
            return
        columns = zip(*((*key, *note) for key, note in sorted(notes.items())), strict=True)
        try:
            async with pool.acquire() as conn:
                await conn.execute(_STORE_UNREAD_EVENTS, *columns, ROWS_MAX)
        except BaseException:
            for key, note in self._notes.items():
                before = notes.get(key, note._replace(times=0))
                notes[key] = _Note(before.times + note.times, before.first_at, note.last_at)
            self._notes = notes
            raise
