"""Recover payouts that a crash or a time-out left in `sending`, and measure the backlog of payouts.

Recovery only continues what people started: a payout that waits is never sent.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import NamedTuple

from ledger.error_collector import ErrorCollector
from ledger.errors import ConcurrentUpdate
from ledger.payouts import sending
from ledger.payouts.channels import Channel
from ledger.payouts.sending import UnfinishedSettlement
from sql import Connection, Pool, query

SENDING_GRACE = timedelta(minutes=2)  # the process that started to send normally ends it by then
UNFINISHED_MAX = 50  # of one run; the next run continues after them
FIRST_UNFINISHED = UnfinishedSettlement("", "")

_LIST_OVERDUE_PAYOUTS = query("list_overdue_payouts")
_READ_PAYOUT_BACKLOG = query("read_payout_backlog")


class PayoutBacklog(NamedTuple):
    """The work that waits for people, and since when the oldest payouts are in their state."""

    unmatched_line_count: int
    unreviewed_status_count: int
    overdue_count: int  # payouts without a booking
    sending_since: datetime | None
    waiting_since: datetime | None


class RecoveryRun(NamedTuple):
    """The result of a run: where the next one continues, and the errors of failed settlements."""

    next_after: UnfinishedSettlement
    errors: ErrorCollector


class OverduePayout(NamedTuple):
    """A payout that a bank accepted long ago, and that no statement shows."""

    payout_id: str
    settlement_id: str
    campaign: str
    sent_at: datetime


async def read_backlog(conn: Connection, sent_before: datetime) -> PayoutBacklog:
    """Return the backlog of payouts; those `sent` since before a moment are overdue."""
    [row] = await conn.fetch(_READ_PAYOUT_BACKLOG, sent_before)
    return PayoutBacklog(*row)


async def list_overdue(conn: Connection, sent_before: datetime, count_max: int) -> list[OverduePayout]:
    """Return the payouts that are `sent` since before a moment, oldest first."""
    return [OverduePayout(*row) for row in await conn.fetch(_LIST_OVERDUE_PAYOUTS, sent_before, count_max)]


async def resume_unfinished(
    pool: Pool,
    channels: Mapping[str, Channel],
    after: UnfinishedSettlement,
    *,
    by: str,
    clock: Callable[[], datetime],
    outside_calls: AbstractAsyncContextManager[object],
) -> RecoveryRun:
    """Query the state of unfinished payouts, and send those that the counterparty never received.

    `outside_calls` bounds the concurrent calls to counterparties. `clock` gives the time of each
    settlement's results, because a run may take long. A failed settlement does not stop the others.
    """
    async with pool.acquire() as conn:
        unfinished = await sending.list_unfinished(
            conn, list(channels), clock() - SENDING_GRACE, after, UNFINISHED_MAX
        )
    errors = ErrorCollector()
    for settlement_id, channel in unfinished:
        with errors.isolate():
            async with outside_calls:
                await _resume(pool, channels[channel], settlement_id, by, clock())
    return RecoveryRun(unfinished[-1] if len(unfinished) == UNFINISHED_MAX else FIRST_UNFINISHED, errors)


async def _resume(pool: Pool, channel: Channel, settlement_id: str, by: str, now: datetime) -> None:
    try:
        await sending.resume_sending(pool, channel, settlement_id, by, now)
    except ConcurrentUpdate:  # another process is sending this settlement
        return
