"""Metrics have a port of their own."""

from ops import app
from ops.settings import Settings
from running_service import RunningService, running_service


async def read(service: RunningService, url: str) -> tuple[int, str]:
    async with service.http.get(url) as response:
        return response.status, await response.text()


async def test_metrics_are_served_on_their_own_port_alone(dsn: str) -> None:
    async with running_service(dsn) as service, app.serve_metrics(service.service, 0) as url:
        assert url is not None
        status, figures = await read(service, url)
        assert (status, "like_ledger_intake_queue_likes 0.0" in figures) == (200, True)
        assert (await service.get("/metrics")).status == 404
        assert (await read(service, url.replace("/metrics", "/live")))[0] == 404
        assert "/metrics" not in (await service.get("/openapi.json")).json["paths"]


async def test_without_a_port_metrics_are_off(dsn: str) -> None:
    async with running_service(dsn) as service, app.serve_metrics(service.service, None) as url:
        assert url is None


def test_the_settings_turn_metrics_off_and_keep_them_on_this_machine() -> None:
    assert (Settings().metrics_port, Settings().metrics_host) == (None, "127.0.0.1")
