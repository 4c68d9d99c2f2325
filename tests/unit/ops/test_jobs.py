"""Every job is scheduled: one that is not would do nothing, and nobody would notice."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

import pytest
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent

from ops import jobs
from ops.jobs import Jobs
from ops.metrics import Metrics
from ops.settings import Settings

SCHEDULED_BY_WITNESS = {"request_cosignature"}
COROUTINES = {name for name, member in vars(Jobs).items() if iscoroutinefunction(member)}
JOBS = {name for name in COROUTINES if not name.startswith("_")} - SCHEDULED_BY_WITNESS


def make_jobs(metrics: Metrics) -> Jobs:
    unused: Any = None
    return Jobs(unused, unused, metrics, unused)


async def test_every_job_is_scheduled_once(monkeypatch: pytest.MonkeyPatch):
    ran: list[str] = []

    def note_run(name: str) -> Callable[..., Any]:
        async def run(_: Jobs) -> None:
            ran.append(name)

        return run

    for name in JOBS:
        monkeypatch.setattr(Jobs, name, note_run(name))
    for job in jobs.build_scheduler(make_jobs(Metrics()), Settings()).get_jobs():
        await job.func()
    assert sorted(ran) == sorted(JOBS)


async def test_a_run_that_fails_is_counted_and_raises_nothing(monkeypatch: pytest.MonkeyPatch):
    metrics = Metrics()

    async def fails(_: Jobs) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Jobs, "resume_payouts", fails)
    (job,) = (job for job in jobs.build_scheduler(make_jobs(metrics), Settings()).get_jobs() if job.id == "payouts")
    await job.func()
    assert metrics.registry.get_sample_value("like_ledger_job_failures_total", {"job": "payouts"}) == 1


def test_a_run_that_is_left_out_is_counted_by_the_name_of_its_job():
    metrics = Metrics()
    scheduler = jobs.build_scheduler(make_jobs(metrics), Settings())
    assert all(job.name == job.id for job in scheduler.get_jobs())
    scheduler._dispatch_event(JobSubmissionEvent(EVENT_JOB_MAX_INSTANCES, "tick", "default", []))
    assert metrics.registry.get_sample_value("like_ledger_job_skips_total", {"job": "tick"}) == 1
