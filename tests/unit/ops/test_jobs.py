"""Every job that there is runs: what is written and never scheduled does nothing, and nobody notices."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

import pytest

from ops import jobs
from ops.jobs import ErrorCollector, Jobs
from ops.metrics import Metrics
from ops.settings import Settings

RUN_BY_OTHERS = {"ask_witness"}  # scheduled for each witness
JOBS = {name for name, own in vars(Jobs).items() if iscoroutinefunction(own) and name[0] != "_"} - RUN_BY_OTHERS


def own(metrics: Metrics) -> Jobs:
    nothing: Any = None
    return Jobs(nothing, nothing, metrics, nothing)


async def test_every_job_is_scheduled_once(monkeypatch: pytest.MonkeyPatch):
    ran: list[str] = []

    def noted(name: str) -> Callable[..., Any]:
        async def run(_: Jobs) -> None:
            ran.append(name)

        return run

    for name in JOBS:
        monkeypatch.setattr(Jobs, name, noted(name))
    for job in jobs.build_scheduler(own(Metrics()), Settings()).get_jobs():
        await job.func()
    assert sorted(ran) == sorted(JOBS)


async def test_a_run_that_fails_is_counted_and_raises_nothing(monkeypatch: pytest.MonkeyPatch):
    metrics = Metrics()

    async def fails(_: Jobs) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Jobs, "resume_payouts", fails)
    (job,) = (one for one in jobs.build_scheduler(own(metrics), Settings()).get_jobs() if one.id == "payouts")
    await job.func()
    assert metrics.registry.get_sample_value("like_ledger_job_failures_total", {"job": "payouts"}) == 1


def test_what_fails_apart_is_raised_at_the_end_all_of_it():
    faults, done = ErrorCollector(), []
    for number in range(4):
        with faults.isolate():
            done.append(number)
            _ = 1 / (number % 2)
    with pytest.raises(ExceptionGroup, match="some of it") as raised:
        faults.raise_if_any("some of it")
    assert (done, len(raised.value.exceptions)) == ([0, 1, 2, 3], 2)
    ErrorCollector().raise_if_any("nothing")
