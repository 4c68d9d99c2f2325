"""The jobs: each asks the database for due work and sets gauges; the scheduler only calls them.

APScheduler runs in every instance and guarantees nothing: locks and rows ensure that work happens
once.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter

import aiohttp
import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from campaigns.catalogue.cache import CatalogueCache
from campaigns.intake import delivery_retention, people_count
from campaigns.intake.key_usage import KeyUsage
from campaigns.intake.unread_events import UnreadEvents
from campaigns.pledging import pledge, settle
from ledger.accounting.balances import balances_by_campaign
from ledger.errors import Refusal
from ledger.invariants import sql_checks
from ledger.payouts import recovery
from ledger.payouts.sending import UnfinishedSettlement
from ledger.publication import sequencer, witnesses
from ledger.publication.refusals import SigningRefused
from ledger.publication.witness_client import Witness
from ops import judging_jobs, payout_channels, signing
from ops.admin import expiry, registry
from ops.admin.core.command import CommandServices
from ops.admin.core.proposals import read_ages
from ops.admin.resources import content_uploads, proposals
from ops.clock import seconds_since, utc_now
from ops.metrics import Metrics
from ops.settings import Settings
from sql import Pool, is_unavailable

_PEOPLE_SECONDS = 10
_PROPOSALS_SECONDS = 30
_UPLOAD_SECONDS = 1
_KEY_USAGE_SECONDS = 60
_RESUME_SECONDS = 60
_EXPIRY_SECONDS = 3600
_REST_FACTOR = 10  # a job that reads whole campaigns rests ten times as long as it ran

_log = structlog.get_logger()


@dataclass(slots=True)
class Jobs:
    """The work that runs beside the requests."""

    pool: Pool
    catalogue_cache: CatalogueCache
    metrics: Metrics
    services: CommandServices
    key_usage: KeyUsage = field(default_factory=KeyUsage)
    unread_events: UnreadEvents = field(default_factory=UnreadEvents)
    _rest_until: float = 0.0
    _unfinished_after: UnfinishedSettlement = recovery.FIRST_UNFINISHED

    async def tick(self) -> None:
        """Fold and pledge every campaign with unfolded batches."""
        started = perf_counter()
        await _require_history(self.pool, self.services)
        catalogue = await self.catalogue_cache.refresh()
        run = await pledge.tick_all(self.pool, catalogue.campaigns_by_id)
        async with self.pool.acquire() as conn:
            balances = await balances_by_campaign(conn, list(catalogue.campaigns))
        for slug, campaign_balances in balances.items():
            self.metrics.pledged_minor.labels(slug).set(campaign_balances.earned_minor)
        lag = (utc_now() - run.unfolded_since).total_seconds() if run.unfolded_since else 0
        self.metrics.pledge_lag_seconds.set(lag)
        self.metrics.pledge_duration_seconds.observe(perf_counter() - started)
        if run.campaign_count:
            await self.sequence()  # so that the public figures are rarely ahead of the log
        run.errors.raise_if_any("campaigns that could not be ticked")

    async def sequence(self) -> None:
        """Append queued leaves to the public log and sign its head."""
        signer = self.services.keys.log
        if signer is None:
            return
        guard = self.services.guard
        if guard is not None:
            try:
                await signing.compare_histories(guard, self.pool)
            finally:
                self.metrics.log_signing_refused.set(guard.refusal is not None)
        head = await sequencer.sequence_leaves(self.pool, signer, utc_now(), guard)
        if head is not None:
            self.metrics.log_leaves.set(head.size)
            self.metrics.log_sequenced_timestamp_seconds.set(head.sequenced_at.timestamp())

    async def request_cosignature(self, http: aiohttp.ClientSession, witness: Witness) -> None:
        """Ask a witness to cosign the newest checkpoint, if it has not done so."""
        await witnesses.request_cosignature(self.pool, http, witness, utc_now)
        async with self.pool.acquire() as conn:
            progress = await witnesses.read_witness_progress(conn, witness, utc_now())
        lag = seconds_since(progress.lagging_since, utc_now())
        self.metrics.witness_lag_seconds.labels(witness.key.name).set(lag)

    async def judge(self) -> None:
        """Judge the likes that arrived, and decide the cases that are due."""
        await _require_history(self.pool, self.services)
        await judging_jobs.judge(self.pool, await self.catalogue_cache.refresh(), self.metrics)

    async def keep_observations(self) -> None:
        """Create the partitions of the days ahead, and drop observations that expired."""
        await judging_jobs.keep_observations(self.pool, await self.catalogue_cache.refresh(), self.metrics)

    async def settle(self) -> None:
        """Settle every closed period of the campaigns that settle automatically."""
        await _require_history(self.pool, self.services)
        clock = await self._running_clock()
        catalogue = await self.catalogue_cache.refresh()
        campaigns = catalogue.campaigns_by_id.values()
        run = await settle.settle_all(self.pool, campaigns, clock, self.metrics.record_pass)
        self.metrics.record_rule_failures(run.errors.errors)
        for wait in run.waits:
            _log.warning("settlement waits", reason=str(wait))
        async with self.pool.acquire() as conn:
            sent_before = utc_now() - timedelta(days=self.services.settings.payout_sent_days)
            backlog = await recovery.read_backlog(conn, sent_before)
        self.metrics.settlements_overdue.set(run.overdue_count)
        self.metrics.payout_sending_age_seconds.set(seconds_since(backlog.sending_since, utc_now()))
        self.metrics.payout_pending_age_seconds.set(seconds_since(backlog.waiting_since, utc_now()))
        self.metrics.payment_statuses_unmatched.set(backlog.unreviewed_status_count)
        self.metrics.payouts_overdue.set(backlog.overdue_count)
        self.metrics.statement_lines_unmatched.set(backlog.unmatched_line_count)
        run.errors.raise_if_any("campaigns that could not be settled")

    async def _running_clock(self) -> Callable[[], datetime]:
        """Return the database's clock, carried on without asking it again.

        Raises SettlementRefused while it cannot be trusted; the gauge then raises an alert.
        """
        self.metrics.clock_refused.set(1)
        async with self.pool.acquire() as conn:
            now, started = await self.services.clock.read_now(conn), perf_counter()
        self.metrics.clock_refused.set(0)
        return lambda: now + timedelta(seconds=perf_counter() - started)

    async def resume_payouts(self) -> None:
        """Recover payouts that a crash or a time-out left in `sending`."""
        await _require_history(self.pool, self.services)
        run = await recovery.resume_unfinished(
            self.pool,
            payout_channels.queryable_channels(self.services.settings),
            self._unfinished_after,
            by=settle.SCHEDULE,
            clock=utc_now,
            outside_calls=self.services.outside_calls,
        )
        self._unfinished_after = run.next_after
        run.errors.raise_if_any("payouts that could not be finished")

    async def count_people(self) -> None:
        """Count the people of every campaign with new likes."""
        started = perf_counter()
        if started < self._rest_until:
            return
        await people_count.count_stale(self.pool, utc_now)
        self._rest_until = started + (perf_counter() - started) * _REST_FACTOR

    async def check(self) -> None:
        """Check every invariant; the gauge of violations raises an alert."""
        async with self.pool.acquire() as conn:
            violations = await sql_checks.run_checks(conn)
        self.metrics.invariant_violations.set(len(violations))
        self.metrics.invariants_checked_timestamp_seconds.set(utc_now().timestamp())
        for violation in violations:
            _log.error("invariant broken", check=violation.name, rows=violation.count)

    async def execute_due_proposals(self) -> None:
        """Execute approved proposals whose hold is over; measure the age of the others."""
        try:
            clock = await self._running_clock()
            await proposals.execute_due(self.services, registry.find_command, clock())
        finally:
            async with self.pool.acquire() as conn:
                ages = await read_ages(conn, utc_now())
            self.metrics.proposal_pending_age_seconds.set(seconds_since(ages.pending_since, utc_now()))
            self.metrics.proposal_overdue_seconds.set(seconds_since(ages.due_since, utc_now()))

    async def process_uploads(self) -> None:
        """Enrol or remove the contents of uploaded files, chunk by chunk."""
        await content_uploads.process_uploads(self.services)

    async def flush_key_usage(self) -> None:
        """Store when platforms' keys were last used, and what could not be read of their deliveries."""
        await self.key_usage.flush(self.pool)
        await self.unread_events.flush(self.pool)

    async def delete_expired(self) -> None:
        """Delete expired responses to deliveries, idempotency keys and sessions."""
        await delivery_retention.delete_expired(self.pool, utc_now())
        await expiry.delete_expired(self.pool, utc_now())


async def _require_history(pool: Pool, services: CommandServices) -> None:
    """Stop a job while the log refuses to sign: its figures could not be published."""
    if services.guard is not None:
        async with pool.acquire() as conn:
            await services.guard.require_history(conn)


def build_scheduler(
    jobs: Jobs, settings: Settings, http: aiohttp.ClientSession | None = None, witnesses: Sequence[Witness] = ()
) -> AsyncIOScheduler:
    """Return the scheduler with every job, not started.

    A late job runs once, and never concurrently with itself. Each witness has its own job, so that
    none waits for another.
    """
    scheduler = AsyncIOScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    plan: list[tuple[str, Callable[[], Awaitable[None]], float]] = [
        ("tick", jobs.tick, settings.tick_seconds),
        ("sequence", jobs.sequence, settings.sequence_seconds),
        ("judge", jobs.judge, settings.judge_seconds),
        ("settle", jobs.settle, settings.settle_seconds),
        ("payouts", jobs.resume_payouts, _RESUME_SECONDS),
        ("people", jobs.count_people, _PEOPLE_SECONDS),
        ("check", jobs.check, settings.check_seconds),
        ("decide", jobs.execute_due_proposals, _PROPOSALS_SECONDS),
        ("upload", jobs.process_uploads, _UPLOAD_SECONDS),
        ("keys", jobs.flush_key_usage, _KEY_USAGE_SECONDS),
        ("forget", jobs.delete_expired, _EXPIRY_SECONDS),
        ("observations", jobs.keep_observations, _EXPIRY_SECONDS),
    ]
    if http is not None:
        plan += [
            (
                f"witness {witness.key.name}",
                partial(jobs.request_cosignature, http, witness),
                settings.sequence_seconds,
            )
            for witness in witnesses
        ]
    for name, run_once, seconds in plan:
        scheduler.add_job(_guard_job(name, run_once, jobs.metrics), "interval", seconds=seconds, id=name, name=name)
    scheduler.add_listener(partial(_count_skipped_run, jobs.metrics), EVENT_JOB_MAX_INSTANCES)
    logging.getLogger("apscheduler.scheduler").addFilter(_is_no_skip)
    return scheduler


def _count_skipped_run(metrics: Metrics, event: JobSubmissionEvent) -> None:
    """Count a run that was due while the one before it still ran; a slow job skips many."""
    metrics.job_skips.labels(event.job_id).inc()


def _is_no_skip(line: logging.LogRecord) -> bool:
    """Return whether a log line of the scheduler says anything else than a skipped run, which is counted."""
    return "maximum number of running instances" not in line.msg


def _guard_job(name: str, run_once: Callable[[], Awaitable[None]], metrics: Metrics) -> Callable[[], Awaitable[None]]:
    """Return the job that counts and logs a failure; an outage of the database is not one.

    Due work stays in the database, and the next run retries it.
    """

    async def run() -> None:
        try:
            await run_once()
        except SigningRefused:  # logged once where the histories are compared, and a gauge raises an alert
            return
        except Refusal as refusal:  # an expected one: a clock that cannot be trusted
            metrics.job_failures.labels(name).inc()
            _log.error("job refused", job=name, reason=str(refusal))
        except Exception as error:  # noqa: BLE001 - counted, logged and retried
            if is_unavailable(error):
                metrics.outages.record(error, job=name)
                return
            metrics.job_failures.labels(name).inc()
            _log.exception("job failed", job=name)

    return run
