"""One run of `replay`: identify the file, read it, send it, report."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import Progress

from ops.i18n.refusals import refusal_text
from ops.replay import progress
from ops.replay.batches import Batch, ReadTally, cut_batches, digest_file
from ops.replay.formats import Format, UnknownFormat, read_likes
from ops.replay.sender import DeliveryFailed, DeliveryTally, RateLimiter, Sender, send_all

OnAnswer = Callable[[Batch, bytes], None]


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """The file to read and how to cut it."""

    file: Path
    file_format: Format
    campaign: str
    batch_size: int  # likes a webhook
    skips_bad_lines: bool
    label: str = ""  # another label sends the same file under other webhook ids


@dataclass(frozen=True, slots=True)
class ReplayTarget:
    """The address to send to, and the rate."""

    address: str
    secret: bytes
    senders: int
    likes_per_second: int | None
    tries_max: int


@dataclass(slots=True)
class ReplayReport:
    """The result so far; updated while the run is under way."""

    read_tally: ReadTally
    delivery_tally: DeliveryTally
    failure: str | None = None
    is_finished: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether every line was a like and was answered, or in a dry run could be sent."""
        return self.is_finished and self.failure is None and not self.read_tally.bad_lines

    def to_json(self) -> dict[str, Any]:
        """Return the report for `--json`."""
        return {
            "complete": self.is_complete,
            "likes": self.delivery_tally.likes,
            "deliveries": self.delivery_tally.deliveries,
            "tries_again": self.delivery_tally.retries,
            "through_line": self.delivery_tally.through_line,
            "outcomes": dict(self.delivery_tally.outcomes),
            "bad_lines": self.read_tally.bad_lines,
            "first_bad_lines": [{"line": bad.line, "reason": bad.reason} for bad in self.read_tally.first_bad],
            "failure": self.failure,
        }


def new_report(job: ReplayJob) -> ReplayReport:
    """Return the report of a run that has not started."""
    return ReplayReport(ReadTally(job.skips_bad_lines), DeliveryTally())


async def send_file(
    job: ReplayJob,
    target: ReplayTarget,
    clock: Callable[[], datetime],
    console: Console,
    report: ReplayReport,
    on_answer: OnAnswer = lambda _batch, _answer: None,
) -> None:
    """Read the file and send it; `report` is up to date even if this is interrupted.

    `on_answer` gets each batch with the response's body, in any order.
    """
    identity, lines = identify_file(job, console)
    with job.file.open("rb") as file, progress.send_progress(console) as bars:
        likes = report.read_tally.take_likes(read_likes(job.file_format, file, job.campaign))
        batches = cut_batches(likes, identity, job.batch_size)
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=target.senders)) as session:
                sender = Sender(session, target.address, target.secret, clock, tries_max=target.tries_max)
                advance = _progress_callback(bars, lines, report.delivery_tally)
                await send_all(
                    sender,
                    batches,
                    report.delivery_tally,
                    senders=target.senders,
                    rate_limiter=RateLimiter(target.likes_per_second),
                    on_arrival=_call_both(advance, on_answer),
                )
        except DeliveryFailed as error:
            report.failure = refusal_text(error, "en")
        except UnknownFormat as error:
            report.failure = str(error)
    report.is_finished = True


def _call_both(first: OnAnswer, second: OnAnswer) -> OnAnswer:
    def call(batch: Batch, answer: bytes) -> None:
        first(batch, answer)
        second(batch, answer)

    return call


def check_file(job: ReplayJob, console: Console, report: ReplayReport) -> None:
    """Read the whole file without sending; `report` counts likes and bad lines."""
    _, lines = identify_file(job, console)
    with job.file.open("rb") as file, progress.send_progress(console) as bars:
        on_batch = _progress_callback(bars, lines, report.delivery_tally, "checking")
        likes = report.read_tally.take_likes(read_likes(job.file_format, file, job.campaign))
        try:
            for batch in cut_batches(likes, b"", job.batch_size):
                report.delivery_tally.record(batch, {})
                on_batch(batch, b"")
        except UnknownFormat as error:
            report.failure = str(error)
    report.is_finished = True


def identify_file(job: ReplayJob, console: Console) -> tuple[bytes, int]:
    """Return the digest of the file and of how it is cut, and its number of lines."""
    lines = 0
    with job.file.open("rb") as file, progress.read_progress(console) as bars:
        task = bars.add_task("reading", total=job.file.stat().st_size)

        def advance(chunk: bytes) -> None:
            nonlocal lines
            lines += chunk.count(b"\n")
            bars.advance(task, len(chunk))

        digest = digest_file(file, advance)
    return blake2b(b"%d\n%s\n%s" % (job.batch_size, digest, job.label.encode()), digest_size=32).digest(), lines


def _progress_callback(bars: Progress, lines: int, tally: DeliveryTally, description: str = "sending") -> OnAnswer:
    task = bars.add_task(description, total=lines, likes=0)
    last_line = 0

    def advance(batch: Batch, _: bytes) -> None:
        nonlocal last_line
        last_line = max(last_line, batch.last_line)
        bars.update(task, completed=last_line, total=max(lines, last_line), likes=tally.likes)

    return advance
