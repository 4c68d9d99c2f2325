"""A limit for log lines of one kind, so that an attack cannot fill the disk."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

LINES_PER_MINUTE = 60
TRACEBACKS_PER_MINUTE = 10
_WINDOW_SECONDS = 60.0
_KINDS_MAX = 1_000


class _Window:
    """The lines of one kind within a minute."""

    __slots__ = ("dropped", "ends_at", "lines")

    def __init__(self, ends_at: float) -> None:
        self.ends_at, self.lines, self.dropped = ends_at, 0, 0


class LineLimit(logging.Filter):
    """Drops a line if its kind had enough lines within the minute; the next line says how many.

    Lines are of one kind if logger, level and event are equal; an event is a constant of the code.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._windows: OrderedDict[tuple[str, int, str], _Window] = OrderedDict()

    def filter(self, line: logging.LogRecord) -> bool:
        """Return whether to write a line."""
        now, kind = self._clock(), (line.name, line.levelno, _event(line))
        window = self._windows.get(kind)
        if window is None or now >= window.ends_at:
            _note_dropped(line, window.dropped if window else 0)
            window = self._windows[kind] = _Window(now + _WINDOW_SECONDS)
            self._windows.move_to_end(kind)
            if len(self._windows) > _KINDS_MAX:
                self._windows.popitem(last=False)
        lines_max = TRACEBACKS_PER_MINUTE if _has_traceback(line) else LINES_PER_MINUTE
        if window.lines >= lines_max:
            window.dropped += 1
            return False
        window.lines += 1
        return True


def _event(line: logging.LogRecord) -> str:
    """Return a line's constant part: the event of ours, the template of a library's."""
    return str(line.msg.get("event", "")) if isinstance(line.msg, dict) else str(line.msg)[:200]


def _has_traceback(line: logging.LogRecord) -> bool:
    return bool(line.exc_info) or (isinstance(line.msg, dict) and "exception" in line.msg)


def _note_dropped(line: logging.LogRecord, dropped: int) -> None:
    if not dropped:
        return
    if isinstance(line.msg, dict):
        line.msg["lines_dropped"] = dropped
    else:
        line.msg, line.args = f"{line.getMessage()} ({dropped} lines of this kind dropped)", None
