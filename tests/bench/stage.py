"""The stage: one PostgreSQL, a database for each system measured, the service as a process."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import orjson

from campaigns.catalogue import apply_promise, cache, platforms
from campaigns.catalogue.cache import Catalogue
from campaigns.catalogue.webhook_secrets import derive_secret
from campaigns.pledging import budget
from campaigns.promise import toml_file
from ledger.log.note import make_signer
from ledger.publication import sequencer
from ops import database
from ops.clock import utc_now
from ops.migrate import migrate
from tests.bench import processes, reader, sender
from tests.bench.crowd import CrowdLike
from tests.bench.processes import BenchFailed, Child
from tests.bench.wire import get_request, open_wires

KEY = bytes(32)  # for pseudonyms, webhooks and log: no real likes are stored
PLATFORM, CROWD, LIMITED_SLUG, PROBE = "bench", "crowd", "limited", "probe"
LOG_ORIGIN = "bench.example/log"
LIMIT = 3
_FUNDED_MINOR = 1_000_000_000
_SERVING = re.compile(r'"url": ?"http://127\.0\.0\.1:(\d+)"')
_START_SECONDS_MAX, _POLL_SECONDS = 60, 0.02

_PROMISE = """
[campaign]
slug = "{slug}"
title = {{ zh = "基准", en = "Benchmark" }}
sponsor = "Nobody"
currency = "CNY"
timezone = "Asia/Shanghai"
starts_at = 2022-04-08T00:00:00+08:00
ends_at = 2022-04-22T00:00:00+08:00
late_days = 36500
content = "open"
unlike = "withdraw"
[terms]
rate = {{ amount_minor = 1, per_likes = 3 }}
{limit}
[[terms.beneficiaries]]
charity = "village-schools"
name = {{ zh = "乡村小学", en = "Village Schools" }}
share_bp = 10000
account = {{ scheme = "other", id = "6222020200112233445" }}
"""


@dataclass(frozen=True, slots=True)
class Postgres:
    """The server, by a superuser's address."""

    dsn: str

    def database_dsn(self, database: str) -> str:
        """Return the address of another database on it."""
        return urlsplit(self.dsn)._replace(path=f"/{database}").geturl()

    async def execute(self, statement: str, database: str | None = None) -> None:
        """Run a statement."""
        conn = await asyncpg.connect(self.database_dsn(database) if database else self.dsn)
        try:
            await conn.execute(statement)
        finally:
            await conn.close()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """Yield the address of a migrated database with campaigns; drop it afterwards."""
        name = f"like_ledger_bench_{uuid4().hex}"
        await self.execute(f"CREATE DATABASE {name}")
        try:
            address = self.database_dsn(name)
            await migrate(address)
            await _make_log(address)
            await _create_campaigns(address)
            yield address
        finally:
            await self.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def _make_log(dsn: str) -> None:
    async with database.open_pool(dsn) as pool:
        await sequencer.create_log(pool, make_signer(LOG_ORIGIN, KEY), utc_now())


async def _create_campaigns(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    try:
        for slug, limit in ((CROWD, ""), (LIMITED_SLUG, f"likes_per_person_per_day = {LIMIT}"), (PROBE, "")):
            promise = toml_file.parse_promise(_PROMISE.format(slug=slug, limit=limit).encode())
            async with conn.transaction():
                await apply_promise.apply_promise(conn, promise, datetime(2022, 4, 1, tzinfo=UTC), pseudonym_key=KEY)
            catalogue = await _catalogue(conn)
            async with conn.transaction():
                await budget.fund_budget(conn, catalogue.campaigns[slug], _FUNDED_MINOR, "first")
        async with conn.transaction():
            await platforms.add_platform(conn, PLATFORM, KEY)
    finally:
        await conn.close()


async def _catalogue(conn: asyncpg.Connection) -> Catalogue:
    return await cache.load_catalogue(conn, KEY)


@dataclass(frozen=True, slots=True)
class IntakeAddress:
    """The address and secret for signed likes."""

    port: int
    path: str
    secret: bytes


@dataclass(slots=True)
class Service:
    """The service as a process."""

    child: Child
    intake: IntakeAddress
    folder: Path
    dsn: str

    async def totals(self, campaign: str) -> dict[str, Any]:
        """Return a campaign's public totals."""
        async with open_wires(self.intake.port, 1) as [wire]:
            response = await wire.request(get_request(totals_path(campaign)))
        totals: dict[str, Any] = orjson.loads(response.body)
        return totals


def totals_path(campaign: str) -> str:
    """Return the path of a campaign's totals."""
    return f"/v1/campaigns/{campaign}/totals"


@asynccontextmanager
async def running_service(folder: Path, dsn: str, module: str = "ops.cli") -> AsyncIterator[Service]:
    """Yield `like-ledger serve` on a database, or another module with the same command."""
    keys = {f"LIKE_LEDGER_{name}_KEY": KEY.hex() for name in ("PSEUDONYM", "WEBHOOK", "LOG")}
    environment = {
        "LIKE_LEDGER_DATABASE_URL": dsn,
        "LIKE_LEDGER_LOG_ORIGIN": LOG_ORIGIN,
        "LIKE_LEDGER_DATA_DIR": str(folder / urlsplit(dsn).path.strip("/")),  # each log has its own memory
        **keys,
    }
    async with processes.running_module(folder, module, "serve", "--port", "0", environment=environment) as child:
        port = await _port(child)
        conn = await asyncpg.connect(dsn)
        platform = (await _catalogue(conn)).platforms[PLATFORM]
        await conn.close()
        secret = derive_secret(KEY, PLATFORM, platform.keys[0].salt or b"")
        yield Service(child, IntakeAddress(port, f"/v1/platforms/{PLATFORM}/likes", secret), folder, dsn)


async def _port(child: Child) -> int:
    async with asyncio.timeout(_START_SECONDS_MAX):
        while child.is_alive():
            if match := _SERVING.search(child.errors()):
                return int(match[1])
            await asyncio.sleep(_POLL_SECONDS)
    raise BenchFailed(f"the service did not start: {child.errors()[-2000:]}")


@asynccontextmanager
async def running_sender(
    folder: Path,
    address: IntakeAddress,
    bodies: list[bytes],
    connections: int,
    deliveries_a_second: float | None = None,
) -> AsyncIterator[processes.Load]:
    """Yield a connected sender of these bodies."""
    file = folder / f"bodies.{uuid4().hex}"
    sender.write_bodies(file, bodies)
    job = sender.SendJob(
        address.port,
        address.path,
        address.secret.hex(),
        str(file),
        f"msg_{uuid4().hex}",
        connections,
        deliveries_a_second,
    )
    try:
        async with processes.running_load(folder, "tests.bench.sender", asdict(job)) as load:
            yield load
    finally:
        file.unlink()


async def send(folder: Path, address: IntakeAddress, bodies: list[bytes], connections: int) -> sender.SendResult:
    """Send bodies at full speed.

    Raises BenchFailed if an answer is not 200.
    """
    async with running_sender(folder, address, bodies, connections) as load:
        sent = sender.SendResult(**await load.start())
    if sent.statuses != {"200": len(bodies)}:
        raise BenchFailed(f"{address.path}: {len(bodies)} deliveries got statuses {sent.statuses}")
    return sent


@asynccontextmanager
async def running_readers(
    folder: Path, port: int, path: str, connections: int, seconds: float
) -> AsyncIterator[processes.Load]:
    """Yield connected readers of an address."""
    job = reader.ReadJob(port, path, connections, seconds)
    async with processes.running_load(folder, "tests.bench.reader", asdict(job)) as load:
        yield load


@asynccontextmanager
async def running_yardstick(folder: Path, name: str, dsn: str = "") -> AsyncIterator[IntakeAddress]:
    """Yield one of the yardstick servers."""
    arguments = ["tests.bench.yardsticks", name, KEY.hex(), *([dsn] if dsn else [])]
    async with processes.running_module(folder, *arguments) as child:
        port = int(orjson.loads(await child.line())["port"])
        yield IntakeAddress(port, f"/{name}", KEY)


class OutcomeChecker:
    """Checks that the service's outcomes match the likes sent."""

    def __init__(self) -> None:
        self._sent_pairs: set[tuple[int, int]] = set()

    def expect(self, likes: list[CrowdLike], sent: sender.SendResult) -> None:
        """Compare the outcomes with the likes.

        Raises BenchFailed if they differ.
        """
        pairs_before = len(self._sent_pairs)
        self._sent_pairs.update((like.content, like.person) for like in likes)
        counted = len(self._sent_pairs) - pairs_before
        expected = {"counted": counted, "duplicate": len(likes) - counted}
        if {name: sent.outcomes.get(name, 0) for name in expected} != expected:
            raise BenchFailed(f"the outcomes are {sent.outcomes}, expected {expected}")
