"""The database's clock, which decides what is due; refused while it cannot be trusted.

A clock ahead would settle likes before fakes among them can be found, and execute proposals before
their hold is over. So two clocks must agree, and neither may jump.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import CLOCK_BOOTTIME, clock_gettime
from typing import NamedTuple

from ledger.errors import SettlementRefused
from ops.clock import utc_now
from sql import Connection, query

SKEW_MAX = timedelta(seconds=5)  # between this machine's clock and the database's
JUMP_MAX = timedelta(seconds=10)  # of the database's clock, beside the time that passed
JUMP_HOLD = timedelta(minutes=15)  # after a jump: time for the operator to look

_READ_SERVER_CLOCK = query("read_server_clock")


class Reading(NamedTuple):
    """One look at the clocks."""

    sent_at: datetime  # this machine's clock, before the database was asked
    database_at: datetime
    received_at: datetime  # this machine's clock, after the database answered
    uptime: timedelta  # since this machine started, suspended time included; no clock setting changes it

    @property
    def skew(self) -> timedelta:
        """Return the least distance between the clocks that explains the reading."""
        return max(self.sent_at - self.database_at, self.database_at - self.received_at, timedelta(0))


def clock_jump(earlier: Reading, later: Reading) -> timedelta:
    """Return by how much the database's clock moved beyond the time that passed, ahead or back. Pure."""
    passed, shown = later.uptime - earlier.uptime, later.database_at - earlier.database_at
    return abs(shown - passed)


@dataclass(slots=True)
class DatabaseClock:
    """The database's clock, as one process sees it over time."""

    _latest: Reading | None = field(default=None)
    _held_until: timedelta = field(default=timedelta(0))  # uptime

    async def read_now(self, conn: Connection) -> datetime:
        """Return the database's time.

        Raises SettlementRefused while the clocks differ, and for a quarter of an hour after a jump.
        """
        reading = await read_clocks(conn)
        earlier, self._latest = self._latest, reading
        if reading.skew > SKEW_MAX:
            raise SettlementRefused("clocks_differ", seconds_number=int(reading.skew.total_seconds()))
        if earlier is not None and clock_jump(earlier, reading) > JUMP_MAX:
            self._held_until = reading.uptime + JUMP_HOLD
        if reading.uptime < self._held_until:
            minutes = -((reading.uptime - self._held_until) // timedelta(minutes=1))
            raise SettlementRefused("clock_jumped", minutes_number=minutes)
        return reading.database_at


async def read_clocks(conn: Connection) -> Reading:
    """Return a reading of both clocks."""
    sent_at = utc_now()
    database_at = await conn.fetchval(_READ_SERVER_CLOCK)
    return Reading(sent_at, database_at, utc_now(), timedelta(seconds=clock_gettime(CLOCK_BOOTTIME)))
