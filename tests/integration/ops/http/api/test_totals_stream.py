"""The stream of a campaign's totals: at once, after every change, bounded, and ended on stop."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from ops import app
from ops.http.api import totals_stream
from ops.http.core import snapshots
from running_service import SLUG, RunningService, like, running_service

PATH = f"/v1/campaigns/{SLUG}/stream"


@pytest.fixture(autouse=True)
def poll_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(snapshots, "_PAUSE_FACTOR", 0)
    monkeypatch.setattr(totals_stream, "POLL_SECONDS", 0.02)


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        yield running


async def next_totals(answer: aiohttp.ClientResponse) -> tuple[str, dict[str, Any]]:
    """Return the id and the totals of the next message."""
    fields: dict[str, str] = {}
    async with asyncio.timeout(20):
        while True:
            line = (await answer.content.readline()).decode().rstrip("\r\n")
            if not line and "data" in fields:
                assert fields["event"] == "totals"
                return fields["id"], json.loads(fields["data"])
            name, _, value = line.partition(": ")
            fields[name] = value


async def test_totals_come_at_once_and_when_they_change(service: RunningService) -> None:
    async with service.http.get(service.url + PATH) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        first_id, first = await next_totals(answer)
        await service.send([like(str(n)) for n in range(3)])
        await service.tick()
        second_id, second = await next_totals(answer)
    assert (first["likes"]["counted"], second["likes"]["counted"]) == (0, 3)
    assert second["money"]["pledged"]["minor"] == 1
    assert first_id != second_id


async def test_a_reader_that_comes_back_gets_no_event_twice(service: RunningService) -> None:
    async with service.http.get(service.url + PATH) as answer:
        last_id, _ = await next_totals(answer)
    async with service.http.get(service.url + PATH, headers={"Last-Event-ID": last_id}) as answer:
        await service.send([like(str(n)) for n in range(3)])
        await service.tick()
        _, totals = await next_totals(answer)
    assert totals["likes"]["counted"] == 3


async def test_streams_are_bounded_and_free_their_slot(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals_stream, "STREAMS_MAX", 1)
    async with service.http.get(service.url + PATH) as first:
        await next_totals(first)
        refused = await service.get(PATH)
        assert (refused.status, refused.json["code"]) == (503, "too_many_streams")
    async with asyncio.timeout(20):
        while True:
            async with service.http.get(service.url + PATH) as again:
                if again.status == 200:
                    assert (await next_totals(again))[1]["campaign"] == SLUG
                    return


async def test_streams_end_when_the_service_stops(dsn: str) -> None:
    async with aiohttp.ClientSession() as http, running_service(dsn) as outer:
        async with app.serve_http(outer.service) as url:
            answer = await http.get(url + PATH)
            await next_totals(answer)
        async with asyncio.timeout(5):
            assert await answer.read() == b""
