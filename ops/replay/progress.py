"""Progress bars on standard error: position, rate, time left."""

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
    """The likes answered so far, in total and a second."""

    def render(self, task: Task) -> Text:
        """Return the column's text."""
        likes, seconds = task.fields.get("likes", 0), task.elapsed or 0
        return Text(f"{likes:,} likes, {likes / seconds:,.0f}/s" if seconds else f"{likes:,} likes", style="cyan")


@contextmanager
def read_progress(console: Console) -> Iterator[Progress]:
    """Show bytes read."""
    columns = (_DESCRIPTION, BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        yield bars


@contextmanager
def send_progress(console: Console) -> Iterator[Progress]:
    """Show likes sent."""
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
    """Show a spinner with a message."""
    with Progress(SpinnerColumn(), _DESCRIPTION, TimeElapsedColumn(), console=console) as bars:
        bars.add_task(message, total=None)
        yield
