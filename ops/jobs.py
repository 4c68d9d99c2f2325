"""The jobs: each is a `run_once` that asks the database what is due; the scheduler only calls them.

APScheduler runs in every instance and promises nothing: that each thing happens once comes from locks and rows.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter

import aiohttp
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from campaigns.catalogue.cache import CatalogueCache
from campaigns.intake import people_count
from campaigns.intake.key_usage import KeyUsage
from campaigns.pledging import pledge
from campaigns.pledging import settle as settling
from ledger.accounting.balances import balances_by_campaign
from ledger.errors import ConcurrentUpdate
from ledger.invariants import sql_checks
from ledger.payouts import sending
from ledger.payouts.channels import Channel
from ledger.publication import sequencer
from ledger.publication import witnesses as witnessing
from ledger.publication.witness_client import Witness
from ops import payout_channels
from ops.admin import registry
from ops.admin.core import idempotency, proposals
from ops.admin.core.command import CommandServices
from ops.admin.resources import content_uploads
from ops.admin.resources import proposals as deciding
from ops.clock import utc_now
from ops.metrics import Metrics
from ops.settings import Settings
from sql import Pool, query

DELIVERIES_RETENTION = timedelta(days=7)
_PEOPLE_SECONDS = 10
_PROPOSALS_SECONDS = 30
_UPLOAD_SECONDS = 1
_KEY_USAGE_SECONDS = 60
_RESUME_SECONDS = 60
SENDING_GRACE = timedelta(minutes=2)  # whoever began to send ends it, as a rule
_UNFINISHED_MAX = 50  # that one run looks at; the next goes on behind them
_FIRST_UNFINISHED = sending.UnfinishedSettlement("", "")
_REST_FACTOR = 10  # a job that reads whole campaigns rests ten times as long as it took

_READ_PAYOUT_BACKLOG = query("read_payout_backlog")
_FIND_OLDEST_UNFOLDED = query("find_oldest_unfolded")
_DELETE_OLD_DELIVERIES = query("delete_old_deliveries")
_DELETE_OLD_IDEMPOTENCY_KEYS = query("delete_old_idempotency_keys")
_DELETE_OLD_SESSIONS = query("delete_old_sessions")

_log = structlog.get_logger()


@dataclass(slots=True)
class ErrorCollector:
    """What failed of a job that does many things: the others are done all the same, then the job has failed."""

    errors: list[Exception] = field(default_factory=list)

    @contextmanager
    def isolate(self) -> Iterator[None]:
        """Keep what fails in here from what comes after it."""
        try:
            yield
        except Exception as fault:  # noqa: BLE001 - raised with the others
            self.errors.append(fault)

    def raise_if_any(self, message: str) -> None:
        """Raise what failed, if anything did."""
        if self.errors:
            raise ExceptionGroup(message, self.errors)


@dataclass(slots=True)
class Jobs:
    """What runs beside the requests."""

    pool: Pool
    catalogue_cache: CatalogueCache
    metrics: Metrics
    services: CommandServices
    key_usage: KeyUsage = field(default_factory=KeyUsage)
    _rest_until: float = 0.0
    _unfinished_after: sending.UnfinishedSettlement = _FIRST_UNFINISHED

    async def tick(self) -> None:
        """Fold and pledge every campaign that has something to fold."""
        started = perf_counter()
        catalogue = await self.catalogue_cache.refresh()
        async with self.pool.acquire() as conn:
            due = await pledge.campaigns_to_tick(conn)
            since = await conn.fetchval(_FIND_OLDEST_UNFOLDED)
        faults = ErrorCollector()
        for campaign_id in due:
            if campaign_id in catalogue.campaigns_by_id:
                with faults.isolate():
                    await pledge.run_tick(self.pool, catalogue.campaigns_by_id[campaign_id])
        async with self.pool.acquire() as conn:
            for slug, line in (await balances_by_campaign(conn, list(catalogue.campaigns))).items():
                self.metrics.pledged_minor.labels(slug).set(line.earned_minor)
        self.metrics.pledge_lag_seconds.set((utc_now() - since).total_seconds() if since else 0)
        self.metrics.pledge_duration_seconds.observe(perf_counter() - started)
        if due:
            await self.sequence()  # so that the public figures are rarely ahead of the log
        faults.raise_if_any("campaigns that could not be ticked")

    async def sequence(self) -> None:
        """Put what waits into the public log and sign its head."""
        signer = self.services.keys.log
        if signer is None:
            return
        head = await sequencer.sequence_leaves(self.pool, signer, utc_now())
        if head is not None:
            self.metrics.log_leaves.set(head.size)
            self.metrics.log_sequenced_timestamp_seconds.set(head.sequenced_at.timestamp())

    async def request_cosignature(self, http: aiohttp.ClientSession, witness: Witness) -> None:
        """Have a witness cosign the newest checkpoint, if it has not."""
        await witnessing.request_cosignature(self.pool, http, witness, utc_now)
        async with self.pool.acquire() as conn:
            stands = await witnessing.read_witness_progress(conn, witness, utc_now())
        self.metrics.witness_lag_seconds.labels(witness.key.name).set(seconds_since(stands.lagging_since, utc_now()))

    async def settle(self) -> None:
        """Settle every closed period that has no settlement, in campaigns that settle by themselves."""
        catalogue, late = await self.catalogue_cache.refresh(), 0
        faults = ErrorCollector()
        for campaign in catalogue.campaigns_by_id.values():
            if campaign.promise.settlement.automatic:
                with faults.isolate():
                    await settling.settle_due_periods(self.pool, campaign, settling.SCHEDULE, utc_now())
        async with self.pool.acquire() as conn:
            for campaign in catalogue.campaigns_by_id.values():
                late += await settling.is_overdue(conn, campaign, utc_now())
            ((unmatched, sending_since, waiting_since),) = await conn.fetch(_READ_PAYOUT_BACKLOG)
        self.metrics.settlements_overdue.set(late)
        self.metrics.payout_sending_age_seconds.set(seconds_since(sending_since, utc_now()))
        self.metrics.payout_pending_age_seconds.set(seconds_since(waiting_since, utc_now()))
        self.metrics.statement_lines_unmatched.set(unmatched)
        faults.raise_if_any("campaigns that could not be settled")

    async def resume_payouts(self) -> None:
        """Find out about payouts that a crash or a time-out has left `sending`, and send what was never seen.

        Only what people began: nothing that waits is sent. Whatever one of them ends in, the others are looked at.
        """
        known, faults = payout_channels.queryable_channels(self.services.settings), ErrorCollector()
        before = utc_now() - SENDING_GRACE
        async with self.pool.acquire() as conn:
            found = await sending.list_unfinished(conn, list(known), before, self._unfinished_after, _UNFINISHED_MAX)
        self._unfinished_after = found[-1] if len(found) == _UNFINISHED_MAX else _FIRST_UNFINISHED
        for one in found:
            with faults.isolate():
                await self._resume_payout(one.settlement_id, known[one.channel])
        faults.raise_if_any("payouts that could not be finished")

    async def _resume_payout(self, settlement_id: str, channel: Channel) -> None:
        async with self.services.outside_calls:
            try:
                await sending.resume_sending(self.pool, channel, settlement_id, settling.SCHEDULE, utc_now())
            except ConcurrentUpdate:  # another instance, or whoever sends it now, does this
                return

    async def count_people(self) -> None:
        """Count the people of every campaign that changed."""
        started = perf_counter()
        if started < self._rest_until:
            return
        async with self.pool.acquire() as conn:
            for campaign_id in await people_count.campaigns_to_count(conn):
                await people_count.count_people(conn, campaign_id, utc_now())
        took = perf_counter() - started
        self._rest_until = started + took * _REST_FACTOR

    async def check(self) -> None:
        """Run every invariant; what is broken raises an alert."""
        async with self.pool.acquire() as conn:
            failures = await sql_checks.run_checks(conn)
        self.metrics.invariant_violations.set(len(failures))
        self.metrics.invariants_checked_timestamp_seconds.set(utc_now().timestamp())
        for failure in failures:
            _log.error("invariant broken", check=failure.name, rows=failure.count)

    async def execute_due_proposals(self) -> None:
        """Do what a second person agreed to and whose hold is over; tell how long what is left has waited."""
        try:
            await deciding.execute_due(self.services, registry.find_command, utc_now())
        finally:
            async with self.pool.acquire() as conn:
                found = await proposals.read_ages(conn, utc_now())
            self.metrics.proposal_pending_age_seconds.set(seconds_since(found.pending_since, utc_now()))
            self.metrics.proposal_overdue_seconds.set(seconds_since(found.due_since, utc_now()))

    async def process_uploads(self) -> None:
        """Enrol or remove what was sent as files, chunk by chunk."""
        await content_uploads.process_uploads(self.services)

    async def flush_key_usage(self) -> None:
        """Write down when platforms' keys were last used."""
        await self.key_usage.flush(self.pool)

    async def delete_expired(self) -> None:
        """Forget the webhook-ids of more than seven days ago, old answers to administrators and ended sessions."""
        now = utc_now()
        async with self.pool.acquire() as conn:
            await conn.execute(_DELETE_OLD_DELIVERIES, now - DELIVERIES_RETENTION)
            await conn.execute(_DELETE_OLD_IDEMPOTENCY_KEYS, now - idempotency.RETENTION)
            await conn.execute(_DELETE_OLD_SESSIONS, now)


def seconds_since(moment: datetime | None, now: datetime) -> float:
    """Return how long ago a moment was, 0 where there is none. Pure."""
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def build_scheduler(
    jobs: Jobs, settings: Settings, http: aiohttp.ClientSession | None = None, witnesses: Sequence[Witness] = ()
) -> AsyncIOScheduler:
    """Return the scheduler with every job, not started yet. A job that is late runs once, and never beside itself.

    Each witness is a job of its own, so that none waits for another.
    """
    scheduler = AsyncIOScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    plan: list[tuple[str, Callable[[], Awaitable[None]], float]] = [
        ("tick", jobs.tick, settings.tick_seconds),
        ("sequence", jobs.sequence, settings.sequence_seconds),
        ("settle", jobs.settle, settings.settle_seconds),
        ("payouts", jobs.resume_payouts, _RESUME_SECONDS),
        ("people", jobs.count_people, _PEOPLE_SECONDS),
        ("check", jobs.check, settings.check_seconds),
        ("decide", jobs.execute_due_proposals, _PROPOSALS_SECONDS),
        ("upload", jobs.process_uploads, _UPLOAD_SECONDS),
        ("keys", jobs.flush_key_usage, _KEY_USAGE_SECONDS),
        ("forget", jobs.delete_expired, 3600),
    ]
    seconds = settings.sequence_seconds
    if http is not None:
        plan += [
            (f"witness {one.key.name}", partial(jobs.request_cosignature, http, one), seconds) for one in witnesses
        ]
    for name, run_once, seconds in plan:
        scheduler.add_job(_guard_job(name, run_once, jobs.metrics), "interval", seconds=seconds, id=name)
    return scheduler


def _guard_job(name: str, run_once: Callable[[], Awaitable[None]], metrics: Metrics) -> Callable[[], Awaitable[None]]:
    """A run that fails is counted and logged; the next one tries again, for what is due stands in the database."""

    async def run() -> None:
        try:
            await run_once()
        except Exception:  # noqa: BLE001 - it is counted, logged and done again
            metrics.job_failures.labels(name).inc()
            _log.exception("job failed", job=name)

    return run
