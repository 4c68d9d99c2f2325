"""The recorder of outages: it counts each, and logs a line now and then."""

import asyncpg
import structlog

from ops.outages import LOG_SECONDS, RECENT_SECONDS, OutageRecorder
from sql import Outage

FULL = asyncpg.DiskFullError("could not extend file")


class Clock:
    """A clock that stands still until it is set."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_thousand_outages_are_counted_and_make_two_lines() -> None:
    counted, clock = [], Clock()
    recorder = OutageRecorder(counted.append, clock)
    with structlog.testing.capture_logs() as lines:
        for _ in range(1_000):
            recorder.record(FULL, route="/x")
        clock.seconds += LOG_SECONDS
        recorder.record(ExceptionGroup("all campaigns", [FULL]), job="tick")
    assert counted == [Outage.EXHAUSTED] * 1_001
    assert [(line["event"], line["outage"], line["sqlstate"], line["more"]) for line in lines] == [
        ("database unavailable", "exhausted", "53100", 0),
        ("database unavailable", "exhausted", "53100", 999),
    ]
    assert not any("exc_info" in line for line in lines)


def test_each_outage_has_its_own_line_and_a_bug_has_none() -> None:
    recorder = OutageRecorder(lambda _: None, Clock())
    with structlog.testing.capture_logs() as lines:
        for error in (FULL, TimeoutError(), KeyError("x"), TimeoutError()):
            recorder.record(error)
    assert [line["outage"] for line in lines] == ["exhausted", "timeout"]


def test_a_failed_write_is_recent_for_some_seconds() -> None:
    clock = Clock()
    recorder = OutageRecorder(lambda _: None, clock)
    recorder.record(TimeoutError())
    assert recorder.recent_write_failure() is None
    recorder.record(FULL)
    assert recorder.recent_write_failure() is Outage.EXHAUSTED
    clock.seconds += RECENT_SECONDS
    assert recorder.recent_write_failure() is None
