"""Ages of pending and due proposals and of unsent payouts."""

from datetime import timedelta

from admin_client import AdminClient, create_tokens
from ops.admin.core import proposals
from ops.clock import seconds_since, utc_now
from ops.jobs import Jobs
from running_service import DAY, SLUG, RunningService, like, running_service

ACCOUNT = {"account": {"scheme": "other", "id": "6222020200112233999"}}


async def figures(running: RunningService) -> list[bool]:
    """Run the jobs that set the gauges; return which of them are above zero."""
    service = running.service
    jobs = Jobs(service.pool, service.catalogue_cache, service.metrics, service.command_services)
    await jobs.execute_due_proposals()
    await jobs.settle()
    names = ("proposal_pending_age", "proposal_overdue", "payout_pending_age")
    values = [service.metrics.registry.get_sample_value(f"like_ledger_{name}_seconds") for name in names]
    return [bool(value) for value in values]


async def test_ages_are_measured(dsn: str) -> None:
    async with running_service(dsn) as running:
        await create_tokens(running.service.pool)
        fay, fred = AdminClient(running, "fay"), AdminClient(running, "fred")
        assert await figures(running) == [False, False, False]
        _, response = await fay.run_command("/charities/village-schools/account", ACCOUNT)
        assert await figures(running) == [True, False, False]
        await running.send([like(str(n), at=DAY) for n in range(900)])
        await running.tick()
        await fay.run_command(f"/campaigns/{SLUG}/settlements")
        assert await figures(running) == [True, False, True]
        await fred.approve(response["proposal"])
        assert await figures(running) == [False, False, True]
        later = utc_now() + timedelta(days=1, hours=1)
        async with running.service.pool.acquire() as conn:
            ages = await proposals.read_ages(conn, later)
        assert ages.pending_since is None
        assert ages.due_since is not None
        assert timedelta(minutes=59) < later - ages.due_since < timedelta(minutes=61)


def test_a_future_moment_has_age_zero() -> None:
    now = utc_now()
    assert [seconds_since(at, now) for at in (None, now + timedelta(seconds=5), now - timedelta(seconds=5))] == [
        0,
        0,
        5,
    ]
