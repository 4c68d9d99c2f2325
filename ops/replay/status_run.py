"""One run of `likes status`: read a file of likes, ask what became of them, write a row for each line."""

import asyncio
import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TextIO
from uuid import uuid4

import aiohttp
import orjson
from rich.console import Console
from rich.progress import Progress, TaskID

from campaigns.intake.delivery_body import LIKES_MAX
from campaigns.intake.payload import BODY_BYTES_MAX
from ops.replay import progress
from ops.replay.batches import Batch
from ops.replay.formats import BadLine, Like, read_likes
from ops.replay.output import OrderedOutput
from ops.replay.run import ReplayJob, ReplayTarget, identify_file
from ops.replay.sender import DeliveryFailed, DeliveryTally, Sender

COLUMNS = ("line", "state", "day", "families", "ruleset", "receipt")
INVALID = "invalid"  # the state of a line that is not a like
_BODY = b'{"type":"likes.status","timestamp":"%s","data":{"likes":[%s]}}'
_BODY_OVERHEAD_BYTES = len(_BODY) + 40  # with its timestamp


class Question(NamedTuple):
    """Lines of the file that are asked about together; those that are not likes are not asked about."""

    sequence: int
    lines: list[Like | BadLine]

    @property
    def likes(self) -> list[Like]:
        """The lines that are likes."""
        return [line for line in self.lines if isinstance(line, Like)]


@dataclass(slots=True)
class StatusReport:
    """The result so far."""

    tally: DeliveryTally = field(default_factory=DeliveryTally)
    bad_lines: list[BadLine] = field(default_factory=list)


def cut_questions(items: Iterable[Like | BadLine]) -> Iterator[Question]:
    """Yield the lines in groups of at most 1,000 whose body is not too large."""
    question, body_bytes = Question(0, []), _BODY_OVERHEAD_BYTES
    for item in items:
        line = _asked_like(item) if isinstance(item, Like) else item
        item_bytes = len(line.json) + 1 if isinstance(line, Like) else 0
        if len(question.lines) == LIKES_MAX or body_bytes + item_bytes > BODY_BYTES_MAX:
            yield question
            question, body_bytes = Question(question.sequence + 1, []), _BODY_OVERHEAD_BYTES
        question.lines.append(line)
        body_bytes += item_bytes
    if question.lines:
        yield question


def _asked_like(like: Like) -> Like:
    """Return a like of the file with the JSON that a request names it with."""
    event = orjson.loads(like.json)
    return like._replace(json=orjson.dumps({name: event[name] for name in ("campaign", "content", "person")}))


def render_rows(question: Question, statuses: list[dict[str, Any]]) -> str:
    """Return the rows of a question's lines as CSV. Pure."""
    by_line = {like.line: status for like, status in zip(question.likes, statuses, strict=True)}
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for line in question.lines:
        status = by_line.get(line.line, {"state": INVALID})
        values = (status.get(name) for name in ("day", "ruleset", "receipt"))
        day, ruleset, receipt = ("" if value is None else value for value in values)
        writer.writerow((line.line, status["state"], day, " ".join(status.get("families", ())), ruleset, receipt))
    return buffer.getvalue()


async def ask_file(
    job: ReplayJob,
    target: ReplayTarget,
    clock: Callable[[], datetime],
    console: Console,
    stream: TextIO,
    report: StatusReport,
) -> None:
    """Write a row for each line of the file, in its order.

    Raises DeliveryFailed if the service does not answer, UnknownFormat if the file has another format.
    """
    _, lines = identify_file(job, console)
    stream.write(",".join(COLUMNS) + "\n")
    output = OrderedOutput(stream)
    with job.file.open("rb") as file, progress.send_progress(console) as bars:
        questions = cut_questions(read_likes(job.file_format, file, job.campaign))
        bar = bars.add_task("asking", total=lines, likes=0)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=target.senders)) as session:
            sender = Sender(session, target.address, target.secret, clock, tries_max=target.tries_max)

            async def work() -> None:
                for question in questions:
                    report.bad_lines += [line for line in question.lines if isinstance(line, BadLine)]
                    statuses = await _ask(sender, question, report.tally, clock) if question.likes else []
                    output.add(question.sequence, render_rows(question, statuses))
                    _advance(bars, bar, question, report.tally, lines)

            await _run_workers(work, target.senders)


async def _run_workers(work: Callable[[], Any], workers: int) -> None:
    """Run several workers to their end. Raises the first failure."""
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _ask(
    sender: Sender, question: Question, tally: DeliveryTally, clock: Callable[[], datetime]
) -> list[dict[str, Any]]:
    likes = question.likes
    body = _BODY % (clock().isoformat().encode(), b",".join(like.json for like in likes))
    batch = Batch(question.sequence, f"status_{uuid4().hex}", body, len(likes), likes[-1].line)
    answer = await sender.request(batch, tally)
    statuses = _parse_statuses(answer, len(likes))
    tally.record(batch, {})
    return statuses


def _parse_statuses(answer: bytes, likes: int) -> list[dict[str, Any]]:
    """Return the status of each like.

    Raises DeliveryFailed if the response is not like-ledger's.
    """
    try:
        statuses = orjson.loads(answer)["likes"]
        is_ours = [status["index"] for status in statuses] == list(range(likes)) and all(
            isinstance(status["state"], str) for status in statuses
        )
    except (ValueError, KeyError, TypeError):
        is_ours, statuses = False, []
    if not is_ours:
        raise DeliveryFailed("delivery_answer_malformed")
    return list(statuses)


def _advance(bars: Progress, bar: TaskID, question: Question, tally: DeliveryTally, lines: int) -> None:
    last_line = max(int(bars.tasks[bar].completed), question.lines[-1].line)
    bars.update(bar, completed=last_line, total=max(lines, last_line), likes=tally.likes)
