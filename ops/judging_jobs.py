"""The jobs of judging: interim passes, cases that are due, and how long observations are kept."""

from campaigns.catalogue.cache import Catalogue
from campaigns.judging import judge_all, observation_retention, undecided
from campaigns.review.appeals import count_appeals
from ops.clock import seconds_since, utc_now
from ops.metrics import Metrics
from sql import Pool


async def judge(pool: Pool, catalogue: Catalogue, metrics: Metrics) -> None:
    """Judge the likes that arrived, decide the cases that are due, and measure what waits."""
    campaigns = catalogue.campaigns_by_id
    errors = await judge_all.judge_all(pool, campaigns, utc_now, metrics.record_pass)
    metrics.record_pass(await undecided.decide_due_cases(pool, campaigns, utc_now(), errors))
    metrics.record_rule_failures(errors.errors)
    async with pool.acquire() as conn:
        backlog = await judge_all.read_backlog(conn, campaigns)
        metrics.record_appeals(await count_appeals(conn))
    metrics.judge_lag_seconds.set(seconds_since(backlog.unjudged_since, utc_now()))
    metrics.open_cases.set(backlog.open_cases)
    metrics.oldest_case_seconds.set(seconds_since(backlog.oldest_case_at, utc_now()))
    errors.raise_if_any("campaigns that could not be judged")


async def keep_observations(pool: Pool, catalogue: Catalogue, metrics: Metrics) -> None:
    """Create the partitions of the days ahead, drop what expired, and measure what is stored."""
    async with pool.acquire() as conn:
        await observation_retention.create_partitions(conn, utc_now().date())
    await observation_retention.drop_expired(pool, catalogue.campaigns_by_id, utc_now())
    async with pool.acquire() as conn:
        storage = await observation_retention.read_storage(conn)
    metrics.observations_oldest_seconds.set(seconds_since(storage.oldest_at, utc_now()))
    metrics.observations_without_partition.set(storage.rest_rows)
