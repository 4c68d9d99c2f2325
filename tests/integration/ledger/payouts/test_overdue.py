"""Payouts that no statement shows are counted, and named by the doctor."""

from datetime import timedelta

import asyncpg

from campaigns.catalogue.cache import CatalogueCache
from ledger.payouts import recovery
from ops.admin.core.command import CommandServices
from ops.doctor import run_diagnostics
from ops.jobs import Jobs
from ops.keys import Keys
from ops.metrics import Metrics
from ops.settings import Settings
from payouts import AT, import_statement, payment_ids, sent_campaign, statement
from promises import PSEUDONYM_KEY
from sql import Pool
from status_reports import status_report, transfer_status


async def gauge(pool: Pool, name: str, settings: Settings) -> float | None:
    metrics = Metrics()
    services = CommandServices(pool, Keys(PSEUDONYM_KEY, b"w" * 32), settings)
    await Jobs(pool, CatalogueCache(pool, PSEUDONYM_KEY), metrics, services).settle()
    return metrics.registry.get_sample_value(name)


async def payouts_finding(dsn: str, settings: Settings) -> tuple[bool, str]:
    conn = await asyncpg.connect(dsn)
    findings = {f.check: f async for f in run_diagnostics(conn, settings)}
    await conn.close()
    return findings["payouts"].is_ok, findings["payouts"].state


async def test_a_payout_that_no_statement_shows_is_overdue(dsn: str, pool: Pool):
    _, settlement = await sent_campaign(pool)
    payout_ids = sorted(payout.payout_id for payout in settlement.payouts)
    async with pool.acquire() as conn:
        for sent_before, expected in ((AT, []), (AT + timedelta(seconds=1), payout_ids)):
            overdue = await recovery.list_overdue(conn, sent_before, 9)
            assert sorted(payout.payout_id for payout in overdue) == expected
            assert (await recovery.read_backlog(conn, sent_before)).overdue_count == len(expected)
    a_day = Settings(payout_sent_days=1)  # they were sent long ago
    assert await gauge(pool, "like_ledger_payouts_overdue", a_day) == 2
    is_ok, state = await payouts_finding(dsn, a_day)
    assert not is_ok
    assert all(payout_id in state for payout_id in payout_ids)
    rows = [(-70, payment_ids(settlement)[0], "B1", ""), (-30, payment_ids(settlement)[1], "B2", "")]
    await import_statement(pool, statement("S1", 1_000, *rows))
    assert await gauge(pool, "like_ledger_payouts_overdue", a_day) == 0
    assert (await payouts_finding(dsn, a_day))[0]


async def test_statuses_that_wait_for_a_person_are_counted(pool: Pool):
    await sent_campaign(pool)
    await import_statement(pool, status_report("X-1", transfer_status("X-2", "RJCT", "AC04")))
    assert await gauge(pool, "like_ledger_payment_statuses_unmatched", Settings()) == 1
