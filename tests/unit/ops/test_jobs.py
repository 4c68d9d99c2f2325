"""Every job is scheduled: a forgotten one would go unnoticed."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

import pytest

from ops import jobs
from ops.jobs import ErrorCollector, Jobs
from ops.metrics import Metrics
from ops.settings import Settings

RUN_BY_OTHERS = {"request_cosignature"}  # scheduled for each witness
JOBS = {name for name, job in vars(Jobs).items() if iscoroutinefunction(job) and name[0] != "_"} - RUN_BY_OTHERS


def make_jobs(metrics: Metrics) -> Jobs:
    nothing: Any = None
    return Jobs(nothing, nothing, metrics, nothing)


async def test_every_job_is_scheduled_once(monkeypatch: pytest.MonkeyPatch):
    ran: list[str] = []

    def noting(name: str) -> Callable[..., Any]:
        async def run(_: Jobs) -> None:
            ran.append(name)

        return run

    for name in JOBS:
        monkeypatch.setattr(Jobs, name, noting(name))
    for job in jobs.build_scheduler(make_jobs(Metrics()), Settings()).get_jobs():
        await job.func()
    assert sorted(ran) == sorted(JOBS)


async def test_a_run_that_fails_is_counted_and_raises_nothing(monkeypatch: pytest.MonkeyPatch):
    metrics = Metrics()

    async def fails(_: Jobs) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Jobs, "resume_payouts", fails)
    (payouts_job,) = (
        job for job in jobs.build_scheduler(make_jobs(metrics), Settings()).get_jobs() if job.id == "payouts"
    )
    await payouts_job.func()
    assert metrics.registry.get_sample_value("like_ledger_job_failures_total", {"job": "payouts"}) == 1


def test_what_fails_apart_is_raised_at_the_end_all_of_it():
    collector, numbers = ErrorCollector(), []
    for number in range(4):
        with collector.isolate():
            numbers.append(number)
            _ = 1 / (number % 2)
    with pytest.raises(ExceptionGroup, match="some of it") as raised:
        collector.raise_if_any("some of it")
    assert (numbers, len(raised.value.exceptions)) == ([0, 1, 2, 3], 2)
    ErrorCollector().raise_if_any("nothing")
