"""What waits for people, and for the schedule, is measured: proposals, and payouts that nobody approved or sent."""

from datetime import timedelta

from clerks import AdminClient, create_tokens
from ops.admin.core import proposals
from ops.admin.core.command import CommandServices
from ops.clock import utc_now
from ops.jobs import Jobs, seconds_since
from serving import DAY, SLUG, RunningService, like, running_service

ACCOUNT = {"account": {"scheme": "other", "id": "6222020200112233999"}}


async def figures(own: RunningService) -> list[bool]:
    """Run the jobs that watch, and tell which of the figures say that something has waited."""
    service = own.service
    jobs = Jobs(
        service.pool,
        service.catalogue_cache,
        service.metrics,
        CommandServices(service.pool, service.keys, service.settings),
    )
    await jobs.execute_due_proposals()
    await jobs.settle()
    names = ("proposal_pending_age", "proposal_overdue", "payout_pending_age")
    found = [service.metrics.registry.get_sample_value(f"like_ledger_{name}_seconds") for name in names]
    return [bool(value) for value in found]


async def test_what_waits_is_measured(dsn: str) -> None:
    async with running_service(dsn) as own:
        await create_tokens(own.service.pool)
        fay, fred = AdminClient(own, "fay"), AdminClient(own, "fred")
        assert await figures(own) == [False, False, False]
        _, asked = await fay.run_command("/charities/village-schools/account", ACCOUNT)
        assert await figures(own) == [True, False, False]
        await own.send([like(str(n), at=DAY) for n in range(900)])
        await own.tick()
        await fay.run_command(f"/campaigns/{SLUG}/settlements")
        assert await figures(own) == [True, False, True]
        await fred.approve(asked["proposal"])
        assert await figures(own) == [False, False, True]
        later = utc_now() + timedelta(days=1, hours=1)
        async with own.service.pool.acquire() as conn:
            found = await proposals.read_ages(conn, later)
        assert found.pending_since is None
        assert found.due_since is not None
        assert timedelta(minutes=59) < later - found.due_since < timedelta(minutes=61)


def test_a_moment_that_is_still_to_come_is_no_time_ago() -> None:
    now = utc_now()
    assert [seconds_since(at, now) for at in (None, now + timedelta(seconds=5), now - timedelta(seconds=5))] == [
        0,
        0,
        5,
    ]
