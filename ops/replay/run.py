"""One run of `replay`: know the file, read it, send it, and tell what became of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import Progress

from ops.replay import progress
from ops.replay.batches import Batch, Reading, batches, digest_of
from ops.replay.formats import Format, UnknownLayout, read
from ops.replay.sender import Pace, Sender, Sent, Undelivered, send_all


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, and how to cut it."""

    file: Path
    layout: Format
    campaign: str
    size: int  # likes a webhook
    goes_on: bool  # after a bad line
    label: str = ""  # another label sends the same file under other webhook ids


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send it, and how fast."""

    address: str
    secret: bytes
    senders: int
    likes_a_second: int | None
    tries_max: int


@dataclass(slots=True)
class Report:
    """What became of it; kept up to date while it runs."""

    reading: Reading
    sent: Sent
    failure: str | None = None
    is_finished: bool = False

    @property
    def is_complete(self) -> bool:
        """Every line of the file was a like and was answered (or, in a dry run, could have been sent)."""
        return self.is_finished and self.failure is None and not self.reading.bad_lines

    def shown(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {
            "complete": self.is_complete,
            "likes": self.sent.likes,
            "deliveries": self.sent.deliveries,
            "tries_again": self.sent.tries_again,
            "through_line": self.sent.through_line,
            "outcomes": dict(self.sent.outcomes),
            "bad_lines": self.reading.bad_lines,
            "first_bad_lines": [{"line": bad.line, "reason": bad.reason} for bad in self.reading.first_bad],
            "failure": self.failure,
        }


def new_report(job: Job) -> Report:
    """Return the report of a run that has not begun."""
    return Report(Reading(job.goes_on), Sent())


async def send(job: Job, target: Target, clock: Callable[[], datetime], console: Console, report: Report) -> None:
    """Read the file and send it; whatever happens, `report` says how far it went."""
    identity, lines = know(job, console)
    with job.file.open("rb") as file, progress.sending(console) as bars:
        likes = report.reading.likes(read(job.layout, file, job.campaign))
        cut = batches(likes, identity, job.size)
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=target.senders)) as session:
                sender = Sender(session, target.address, target.secret, clock, tries_max=target.tries_max)
                pace, shown = Pace(target.likes_a_second), _shown(bars, lines, report.sent)
                await send_all(sender, cut, report.sent, senders=target.senders, pace=pace, on_arrival=shown)
        except (Undelivered, UnknownLayout) as failure:
            report.failure = str(failure)
    report.is_finished = True


def check(job: Job, console: Console, report: Report) -> None:
    """Read the whole file and send nothing; `report` holds every bad line and how many likes there are."""
    _, lines = know(job, console)
    with job.file.open("rb") as file, progress.sending(console) as bars:
        note = _shown(bars, lines, report.sent, "checking")
        try:
            for batch in batches(report.reading.likes(read(job.layout, file, job.campaign)), b"", job.size):
                report.sent.arrived(batch, {})
                note(batch, b"")
        except UnknownLayout as failure:
            report.failure = str(failure)
    report.is_finished = True


def know(job: Job, console: Console) -> tuple[bytes, int]:
    """Return what stands for the file and the way it is cut, and how many lines it has."""
    lines = 0
    with job.file.open("rb") as file, progress.reading(console) as bars:
        task = bars.add_task("reading", total=job.file.stat().st_size)

        def advance(chunk: bytes) -> None:
            nonlocal lines
            lines += chunk.count(b"\n")
            bars.advance(task, len(chunk))

        content = digest_of(file, advance)
    return blake2b(b"%d\n%s\n%s" % (job.size, content, job.label.encode()), digest_size=32).digest(), lines


def _shown(bars: Progress, lines: int, sent: Sent, doing: str = "sending") -> Callable[[Batch, bytes], None]:
    task = bars.add_task(doing, total=lines, likes=0)
    furthest = 0

    def note(batch: Batch, _: bytes) -> None:
        nonlocal furthest
        furthest = max(furthest, batch.last_line)
        bars.update(task, completed=furthest, total=max(lines, furthest), likes=sent.likes)

    return note
