"""Progress bars on standard error: how far, how fast, how long still."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_DESCRIPTION = TextColumn("[progress.description]{task.description}")


class LikesPerSecond(ProgressColumn):
    """How many likes a second were answered so far."""

    def render(self, task: Task) -> Text:
        """Draw it."""
        likes, seconds = task.fields.get("likes", 0), task.elapsed or 0
        return Text(f"{likes:,} likes, {likes / seconds:,.0f}/s" if seconds else f"{likes:,} likes", style="cyan")


@contextmanager
def read_progress(console: Console) -> Iterator[Progress]:
    """Show bytes that are read."""
    columns = (_DESCRIPTION, BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        yield bars


@contextmanager
def send_progress(console: Console) -> Iterator[Progress]:
    """Show likes that are sent."""
    columns = (
        _DESCRIPTION,
        BarColumn(),
        MofNCompleteColumn(),
        LikesPerSecond(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        yield bars


@contextmanager
def spinner(console: Console, message: str) -> Iterator[None]:
    """Show that something takes a moment."""
    with Progress(SpinnerColumn(), _DESCRIPTION, TimeElapsedColumn(), console=console) as bars:
        bars.add_task(message, total=None)
        yield
