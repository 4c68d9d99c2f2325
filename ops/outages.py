"""Outages of the database that requests and jobs met: counted, and logged in one line at a time."""

from collections import Counter
from collections.abc import Callable
from time import monotonic

import structlog

from sql import Outage, find_outage

LOG_SECONDS = 10.0  # between two lines about the same outage
RECENT_SECONDS = 10.0
_MESSAGE_CHARS_MAX = 200
# Only real work meets these: a database without space or sessions still does the small write of the probe.
_WRITE_FAILURES = (Outage.EXHAUSTED, Outage.IO_ERROR)

_log = structlog.get_logger()


class OutageRecorder:
    """Records outages; thousands of refusals become a line every ten seconds, with their number and no traceback."""

    def __init__(self, count: Callable[[Outage], None], clock: Callable[[], float] = monotonic) -> None:
        self._count, self._clock = count, clock
        self._log_after: dict[Outage, float] = {}
        self._unlogged: Counter[Outage] = Counter()
        self._last_at: dict[Outage, float] = {}

    def record(self, error: BaseException, **where: str) -> None:
        """Count and log the outage that an error reports; a bug is left to the caller."""
        outage = find_outage(error)
        if outage is None:
            return
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        self._count(outage)
        now = self._last_at[outage] = self._clock()
        if now < self._log_after.get(outage, now):
            self._unlogged[outage] += 1
            return
        self._log_after[outage] = now + LOG_SECONDS
        names = {"outage": outage.code, "error": type(error).__name__, "sqlstate": getattr(error, "sqlstate", None)}
        message = str(error.args[0] if error.args else "")[:_MESSAGE_CHARS_MAX]  # without the server's detail
        _log.warning("database unavailable", **names, message=message, more=self._unlogged.pop(outage, 0), **where)

    def recent_write_failure(self) -> Outage | None:
        """Return an outage that stopped a write within the last seconds, if any."""
        now = self._clock()
        return next(
            (o for o in _WRITE_FAILURES if now - self._last_at.get(o, -RECENT_SECONDS) < RECENT_SECONDS), None
        )
