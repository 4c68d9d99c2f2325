"""The limit of log lines: enough of each kind, and the number of those that were dropped."""

import json
import logging
import sys

import pytest
import structlog

from ops.log_limit import LINES_PER_MINUTE, TRACEBACKS_PER_MINUTE, LineLimit
from ops.logs import configure_logs


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def line(text: str, *, level: int = logging.WARNING, error: Exception | None = None) -> logging.LogRecord:
    cause = (type(error), error, None) if error else None
    return logging.LogRecord("asyncio", level, __file__, 1, text, None, cause)


def test_a_kind_of_line_is_written_a_limited_number_of_times_a_minute():
    clock = Clock()
    limit = LineLimit(clock)
    assert [limit.filter(line("a")) for _ in range(LINES_PER_MINUTE + 5)].count(True) == LINES_PER_MINUTE
    assert limit.filter(line("b"))
    assert limit.filter(line("a", level=logging.ERROR))
    clock.seconds = 60.0
    first = line("a")
    assert limit.filter(first)
    assert first.getMessage() == "a (5 lines of this kind dropped)"


def test_tracebacks_are_limited_further():
    limit = LineLimit(Clock())
    lines = [line("socket.accept() out of system resource", error=OSError(24, "files")) for _ in range(200)]
    assert sum(limit.filter(written) for written in lines) == TRACEBACKS_PER_MINUTE


def test_the_memory_of_the_limit_is_bounded():
    limit = LineLimit(Clock())
    assert all(limit.filter(line(str(number))) for number in range(3_000))
    assert len(limit._windows) == 1_000


@pytest.fixture
def logs(capfd: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    return capfd


def test_our_lines_are_limited_by_their_event(monkeypatch: pytest.MonkeyPatch, logs: pytest.CaptureFixture[str]):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    try:
        configure_logs("json")
        log = structlog.get_logger()
        for number in range(LINES_PER_MINUTE * 3):
            log.warning("authentication failed", address=f"192.0.2.{number}")
        lines = [json.loads(text) for text in logs.readouterr().err.splitlines()]
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()
    assert len(lines) == LINES_PER_MINUTE
