"""The clock that decides what is due: two clocks must agree, and neither may jump."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.catalogue.cache import CatalogueCache
from ledger.errors import SettlementRefused
from ops import clock, database_clock
from ops.admin.core.command import CommandServices
from ops.clock import utc_now
from ops.database_clock import JUMP_HOLD, DatabaseClock, Reading
from ops.jobs import Jobs
from ops.keys import Keys
from ops.metrics import Metrics
from ops.settings import Settings
from promises import PSEUDONYM_KEY, fetch_rows, record
from settlements import create_campaign, likes_delivery
from sql import Pool

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
PAST = [("2026-11-01", "2020-11-01"), ("2026-12-01", "2020-12-01")]


def set_clock_ahead(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    """Set this machine's clock ahead; the database keeps its own."""
    for module in (clock, database_clock):
        monkeypatch.setattr(module, "utc_now", lambda: utc_now() + ahead)


def readings(*readings_: Reading) -> Callable[[object], object]:
    """Return a source of readings, in this order."""
    remaining = iter(readings_)

    async def read(_: object) -> Reading:
        return next(remaining)

    return read


def agree(database_at: datetime, uptime: timedelta) -> Reading:
    return Reading(database_at, database_at, database_at, uptime)


@pytest.mark.parametrize(
    ("sent", "received", "skew"),
    [
        (-SECOND, SECOND, timedelta(0)),
        (timedelta(0), 30 * SECOND, timedelta(0)),  # a slow answer is no difference
        (3 * SECOND, 4 * SECOND, 3 * SECOND),
        (-9 * SECOND, -7 * SECOND, 7 * SECOND),
    ],
)
def test_the_skew_is_the_least_that_explains_a_reading(sent: timedelta, received: timedelta, skew: timedelta):
    assert Reading(NOON + sent, NOON, NOON + received, HOUR).skew == skew


@pytest.mark.parametrize("ahead", [timedelta(days=40), timedelta(seconds=20), timedelta(days=-1)])
async def test_clocks_that_differ_are_refused_and_accepted_once_they_agree(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
):
    watched = DatabaseClock()
    async with pool.acquire() as conn:
        with monkeypatch.context() as wrong:
            set_clock_ahead(wrong, ahead)
            with pytest.raises(SettlementRefused, match=r"^clocks_differ: seconds_number="):
                await watched.read_now(conn)
        assert abs(await watched.read_now(conn) - utc_now()) < timedelta(seconds=2)


@pytest.mark.parametrize("jump", [timedelta(days=40), timedelta(seconds=11), -HOUR])
async def test_a_jump_of_both_clocks_is_refused_for_a_quarter_of_an_hour(
    monkeypatch: pytest.MonkeyPatch, jump: timedelta
):
    jumped = NOON + SECOND + jump
    looks = [
        agree(NOON, HOUR),
        agree(jumped, HOUR + SECOND),
        agree(jumped + JUMP_HOLD - SECOND, HOUR + JUMP_HOLD),
        agree(jumped + JUMP_HOLD, HOUR + SECOND + JUMP_HOLD),
    ]
    monkeypatch.setattr(database_clock, "read_clocks", readings(*looks))
    watched = DatabaseClock()
    unused: object = None
    assert await watched.read_now(unused) == NOON
    for minutes in (15, 1):
        with pytest.raises(SettlementRefused, match=rf"^clock_jumped: minutes_number={minutes}$"):
            await watched.read_now(unused)
    assert await watched.read_now(unused) == jumped + JUMP_HOLD


async def test_a_machine_that_slept_has_not_jumped(monkeypatch: pytest.MonkeyPatch):
    looks = [agree(NOON, HOUR), agree(NOON + 9 * HOUR, 10 * HOUR)]
    monkeypatch.setattr(database_clock, "read_clocks", readings(*looks))
    watched, unused = DatabaseClock(), None
    assert [await watched.read_now(unused) for _ in looks] == [NOON, NOON + 9 * HOUR]


async def test_a_clock_ahead_settles_nothing_and_the_next_run_settles_everything(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    await create_campaign(pool, *PAST)
    await record(pool, [likes_delivery("rural-education", "2020-11-02T04:00:00Z", range(30))], utc_now())
    metrics, catalogue_cache = Metrics(), CatalogueCache(pool, PSEUDONYM_KEY)
    services = CommandServices(pool, Keys(PSEUDONYM_KEY, b"w" * 32), Settings())
    jobs = Jobs(pool, catalogue_cache, metrics, services)
    with monkeypatch.context() as wrong:
        set_clock_ahead(wrong, timedelta(days=40))
        with pytest.raises(SettlementRefused):
            await jobs.settle()
    assert await fetch_rows(pool, "SELECT FROM settlements") == []
    assert metrics.registry.get_sample_value("like_ledger_clock_refused") == 1
    await jobs.settle()
    assert [row["total_minor"] for row in await fetch_rows(pool, "SELECT total_minor FROM settlements")] == [10]
    assert metrics.registry.get_sample_value("like_ledger_clock_refused") == 0
