"""The jobs of judging on a real database: what they do, and what their metrics say."""

import pytest

from campaigns.authenticity import engine
from campaigns.catalogue.cache import Catalogue, load_catalogue
from judged_likes import device_file, farm, homes, judged_campaign, record_seen
from ops import judging_jobs
from ops.metrics import Metrics
from promises import PSEUDONYM_KEY
from sql import Connection, Pool


async def read_catalogue(pool: Pool) -> Catalogue:
    async with pool.acquire() as conn:
        return await load_catalogue(conn, PSEUDONYM_KEY)


def figures(metrics: Metrics, *names: str, **labels: str) -> list[float | None]:
    return [metrics.registry.get_sample_value(f"like_ledger_{name}", labels or None) for name in names]


async def test_the_job_judges_and_its_metrics_say_what(pool: Pool, owner: Connection):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, [*farm(3), *homes(3)])
    metrics = Metrics()
    await judging_jobs.judge(pool, await read_catalogue(pool), metrics)
    assert figures(metrics, "judged_likes_total", "open_cases", "judge_lag_seconds") == [12, 1, 0]
    assert figures(metrics, "findings_total", family="device", mode="live") == [1]
    assert figures(metrics, "verdicts_total", state="held", decided_by="rules") == [6]
    await owner.execute("UPDATE cases SET due_at = now()")
    await judging_jobs.judge(pool, await read_catalogue(pool), metrics)
    assert figures(metrics, "verdicts_total", state="void", decided_by="rules") == [6]
    assert figures(metrics, "open_cases", "oldest_case_seconds") == [0, 0]


async def test_a_rule_that_fails_is_counted_and_its_likes_stay_unjudged(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, homes(3))
    monkeypatch.setattr(engine, "WINDOW_RULES", {**engine.WINDOW_RULES, "device.crowd": None})
    metrics = Metrics()
    for _ in range(2):
        with pytest.raises(ExceptionGroup, match="could not be judged"):
            await judging_jobs.judge(pool, await read_catalogue(pool), metrics)
    assert figures(metrics, "rule_failures_total", rule="device.crowd") == [2]
    [lag] = figures(metrics, "judge_lag_seconds")
    assert lag is not None
    assert lag > 0


async def test_the_job_of_observations_makes_the_partitions_of_the_next_days(pool: Pool):
    metrics = Metrics()
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, homes(3))
    await judging_jobs.keep_observations(pool, await read_catalogue(pool), metrics)
    assert figures(metrics, "observations_without_partition") == [0]
    [age] = figures(metrics, "observations_oldest_seconds")
    assert age is not None
    assert 0 <= age < 3600
