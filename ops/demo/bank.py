"""The bank of the demonstration: `mock-bank` as a separate process that speaks ISO 20022.

It has a clock that the demonstration advances, so days pass in moments. Each run starts a new bank with a new
account; so two statements with one name cannot differ.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from socket import create_server
from typing import Any

import aiohttp

from campaigns.errors import RequestRefused

BIC = "MOCKNL2A"
STATUS_REPORTS, STATEMENTS = "pain.002", "camt.053"
_ACCOUNT = "SPONSOR"
_START_SECONDS_MAX = 30
_POLL_SECONDS = 0.05


class BankMissing(RequestRefused):
    """The bank of the demonstration is not installed, or does not answer."""


@dataclass(frozen=True, slots=True)
class Bank:
    """A running bank and the sponsor's account with it."""

    session: aiohttp.ClientSession
    iban: str

    async def call(self, method: str, path: str, body: bytes | dict[str, Any] | None = None) -> bytes:
        """Return the body of the bank's response, whatever its status."""
        options: dict[str, Any] = {"json": body} if isinstance(body, dict) else {"data": body}
        async with self.session.request(method, path, **options) as response:
            return await response.read()

    async def open_account(self, name: str, currency: str, balance_minor: int) -> None:
        """Open the account that pays the payouts."""
        account = {"id": _ACCOUNT, "name": name, "iban": self.iban, "bic": BIC}
        await self.call("POST", "/_mock/accounts", account | {"currency": currency, "balance": balance_minor})

    async def return_payout(self, end_to_end_id: str) -> None:
        """Make the bank return one payout a day after it was paid, as for a closed account."""
        parameters = {"days": 1, "end_to_end_id": end_to_end_id}
        await self.call(
            "PATCH", f"/_mock/accounts/{_ACCOUNT}", {"behaviour": "return-later", "parameters": parameters}
        )

    async def submit(self, file: bytes) -> None:
        """Submit a pain.001 file."""
        await self.call("POST", "/payments", file)

    async def advance_day(self) -> None:
        """Advance the bank's clock by a day."""
        await self.call("POST", "/_mock/advance?days=1")

    async def collect_messages(self, kind: str) -> list[bytes]:
        """Return the new messages of a kind to the owner of the account."""
        async with self.session.get(f"/_mock/mailbox?type={kind}") as response:
            messages = await response.json()
        return [m["body"].encode() for m in messages if m["account"] in (_ACCOUNT, None)]


def require_bank() -> None:
    """Raise BankMissing if `mock-bank` is not installed."""
    if find_spec("mockbank") is None:
        raise BankMissing("demo_bank_missing")


@asynccontextmanager
async def run_bank(now: datetime) -> AsyncIterator[Bank]:
    """Yield a bank whose clock starts on the morning of `now`."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mockbank", "--port", str(port), "--clock", f"{now:%Y-%m-%d}T09:00", "-q"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            await _wait_until_ready(session)
            yield Bank(session, make_iban(int(now.timestamp())))
    finally:
        process.kill()
        await process.wait()


async def _wait_until_ready(session: aiohttp.ClientSession) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS_MAX):
            while not await _is_healthy(session):  # noqa: ASYNC110 - another process starts
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise BankMissing("demo_bank_unreachable", seconds_number=_START_SECONDS_MAX) from error


async def _is_healthy(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/_mock/health") as response:
            return response.ok
    except aiohttp.ClientError:
        return False


def make_iban(number: int) -> str:
    """Return an IBAN at this bank for a number of ten digits, with check digits (ISO 13616). Pure."""
    account = f"MOCK{number % 10**10:010}"
    digits = "".join(str(int(sign, 36)) for sign in account + "NL00")
    return f"NL{98 - int(digits) % 97:02}{account}"
