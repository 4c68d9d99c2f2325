"""A service process under load while its database fails, and the account of what it acknowledged."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from databases import broken_invariants
from load import SENDERS, assert_recorded_once, prepare, send_load
from program import Program, Sender, batch_likes, running_program, running_sender
from sql import Connection
from stopped_database import OwnServer

FACTOR = int(os.environ.get("SOAK_FACTOR", "1"))  # `make soak` runs longer
_POLL_SECONDS = 0.005
_SETTINGS = {"LIKE_LEDGER_INTAKE_TIMEOUT_SECONDS": "1"}


@dataclass
class Account:
    """What a run acknowledged, and what the database has of it."""

    rounds: int = 0
    deliveries: int = 0
    acknowledged: int = 0  # likes that a response counted
    lost: int = 0
    doubled: int = 0
    refused: int = 0  # responses that were not 200
    seconds_to_heal_max: float = 0.0

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in vars(self).items()
        )


@dataclass
class Stage:
    """A service as a login of its own, its owner's connection, and the sender of likes."""

    server: OwnServer
    dsn: str
    login: str
    owner: Connection
    program: Program
    sender: Sender

    async def end_sessions(self) -> None:
        """Terminate every session of the service."""
        await self.owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", self.login
        )

    async def cancel_queries(self) -> None:
        """Cancel every query of the service."""
        await self.owner.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = $1", self.login)

    async def wait_for_refusals(self, number: int = 1) -> None:
        """Return once the sender got this many more refusals."""
        target = self.sender.refusal_count + number
        async with asyncio.timeout(30):
            while self.sender.refusal_count < target:
                await asyncio.sleep(_POLL_SECONDS)

    async def seconds_to_next_response(self) -> float:
        """Return the seconds until another delivery is acknowledged."""
        started, before = time.monotonic(), len(self.sender.responses)
        async with asyncio.timeout(30):
            while len(self.sender.responses) <= before:
                await asyncio.sleep(_POLL_SECONDS)
        return time.monotonic() - started


@asynccontextmanager
async def running_stage(server: OwnServer, dsn: str) -> AsyncIterator[Stage]:
    """Yield a service on a migrated database; it connects as a login of its own, without an owner's rights."""
    secret, login, owner = await prepare(dsn), f"login_{uuid4().hex}", await asyncpg.connect(dsn)
    await owner.execute(f"CREATE ROLE {login} LOGIN IN ROLE like_ledger_service")
    address = urlsplit(dsn)._replace(netloc=f"{login}@").geturl()
    try:
        with running_program(address, **_SETTINGS) as program:
            async with running_sender(program, secret) as sender:
                yield Stage(server, dsn, login, owner, program, sender)
    finally:
        await owner.execute(f"DROP ROLE {login}")
        await owner.close()


@asynccontextmanager
async def steady_load(sender: Sender, numbers: "count[int]") -> AsyncIterator[None]:
    """Send deliveries one after the other, from several senders, until the block ends; each until it is 200."""
    stop = asyncio.Event()

    async def work() -> None:
        while not stop.is_set():
            number = next(numbers)
            await sender.deliver(number, batch_likes(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(work())
        try:
            yield
        finally:
            stop.set()


async def close_account(stage: Stage, deliveries: int, account: Account) -> Account:
    """Send everything again, and compare what was acknowledged with the database; the invariants must hold."""
    sender, account.deliveries, account.refused = stage.sender, deliveries, stage.sender.refusal_count
    before = {webhook_id: set(responses) for webhook_id, responses in sender.responses.items()}
    assert len(before) == deliveries
    await send_load(sender, 0, deliveries)
    assert sender.responses == before, "a redelivery got another response"
    people = {str(event["person"]) for number in range(deliveries) for event in batch_likes(number)}
    stored = await stage.owner.fetchval("SELECT count(*) FROM likes WHERE state = 'counted'")
    account.acknowledged = sender.count_counted()
    account.lost, account.doubled = max(0, account.acknowledged - stored), max(0, stored - len(people))
    assert (account.acknowledged, account.lost, account.doubled) == (len(people), 0, 0), account
    await assert_recorded_once(stage.dsn, len(people))
    assert await broken_invariants(stage.dsn) == {}
    return account
