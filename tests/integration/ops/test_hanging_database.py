"""A database that hangs (SIGSTOP): figures from memory, 503 in seconds elsewhere, and all goes on afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from ops import database
from ops.sessions import CANCEL_SECONDS_MAX
from running_service import SLUG, HttpResponse, RunningService, like, running_service
from stopped_database import OwnServer, running_own_server

TOTALS, PAGE = f"/v1/campaigns/{SLUG}/totals", f"/campaigns/{SLUG}"
SHOWN_SECONDS_MAX = 3.0  # a second's patience, and two for a busy machine
REFUSED_SECONDS_MAX = 2 * database.REQUEST_SECONDS_MAX + CANCEL_SECONDS_MAX + 2


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with running_own_server() as running:
        yield running


@pytest.fixture
async def service(server: OwnServer) -> AsyncIterator[RunningService]:
    async with (
        server.database(server.template) as dsn,
        running_service(dsn, admin_token="a" * 32, tick_seconds=0.2) as running,
    ):
        yield running


async def get_timed(service: RunningService, path: str, **headers: str) -> tuple[HttpResponse, float]:
    """Return a response, and the seconds that it took."""
    started = time.monotonic()
    return await service.get(path, **headers), time.monotonic() - started


async def test_a_hanging_database(server: OwnServer, service: RunningService) -> None:
    assert (await service.send([like("ann")])).outcomes == {"counted": 1}
    assert (await service.get("/ready")).status == (await service.get(TOTALS)).status == 200
    with server.stop_processes():
        await assert_figures_are_shown(service)
        await wait_for_ready(service, 503)
        await assert_the_rest_is_refused(service)
        await assert_figures_are_shown(service)
    await wait_for_ready(service, 200)
    assert (await service.send([like("ben")], "again")).outcomes == {"counted": 1}
    assert await service.day_counts() == {"counted": 2}


async def wait_for_ready(service: RunningService, status: int) -> None:
    """Return once `/ready` answers with the status."""
    async with asyncio.timeout(10):
        while (await service.get("/ready")).status != status:
            await asyncio.sleep(0.1)


async def assert_figures_are_shown(service: RunningService) -> None:
    """Assert that pages and totals come from memory within seconds, and say their age."""
    for path in (TOTALS, PAGE, "/", "/v1/totals", f"/v1/campaigns/{SLUG}/days"):
        response, seconds = await get_timed(service, path)
        assert (response.status, seconds < SHOWN_SECONDS_MAX) == (200, True), (path, seconds)


async def assert_the_rest_is_refused(service: RunningService) -> None:
    """Assert that every other endpoint answers 503 with Retry-After in a bounded time, all at once."""
    token = {"Authorization": f"Bearer {'a' * 32}"}
    requests = {
        "/ready": get_timed(service, "/ready"),
        "/log/checkpoint": get_timed(service, "/log/checkpoint"),
        "/v1/receipts/x": get_timed(service, "/v1/receipts/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        "/v1/admin/audit": get_timed(service, "/v1/admin/audit", **token),
        "/admin": get_timed(service, "/admin", Cookie="like_ledger_session=x", Accept="text/html"),
        "likes": send_timed(service),
        "likes again": send_timed(service),
    }
    responses = await asyncio.gather(*requests.values())
    for name, (response, seconds) in zip(requests, responses, strict=True):
        assert response.status == 503, (name, response.body)
        assert int(response.headers["Retry-After"]) > 0, name
        assert seconds < REFUSED_SECONDS_MAX, (name, seconds)


async def send_timed(service: RunningService) -> tuple[HttpResponse, float]:
    started = time.monotonic()
    return await service.send([like("ben")], "again"), time.monotonic() - started
