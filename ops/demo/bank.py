"""The demonstration's bank: `mock-bank` as a process of its own, which takes ISO 20022 files and answers.

Its time is its own, so that days pass in moments. Each run has a new bank with an account of that run's: no two
statements of one name can say different things.
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
    """The demonstration's bank is not installed, or does not answer."""


@dataclass(frozen=True, slots=True)
class Bank:
    """A running bank, and the sponsor's account there."""

    session: aiohttp.ClientSession
    iban: str

    async def call(self, method: str, path: str, body: bytes | dict[str, Any] | None = None) -> bytes:
        """Return what the bank answers, whatever its status: a refusal's body says why."""
        how: dict[str, Any] = {"json": body} if isinstance(body, dict) else {"data": body}
        async with self.session.request(method, path, **how) as answer:
            return await answer.read()

    async def open_account(self, name: str, currency: str, balance_minor: int) -> None:
        """Open the account that payouts leave."""
        asked = {"id": _ACCOUNT, "name": name, "iban": self.iban, "bic": BIC}
        await self.call("POST", "/_mock/accounts", asked | {"currency": currency, "balance": balance_minor})

    async def return_payout(self, end_to_end_id: str) -> None:
        """Have one payout come back a day after it was paid: its account was closed."""
        which = {"days": 1, "end_to_end_id": end_to_end_id}
        await self.call("PATCH", f"/_mock/accounts/{_ACCOUNT}", {"behaviour": "return-later", "parameters": which})

    async def submit(self, file: bytes) -> None:
        """Hand in a pain.001."""
        await self.call("POST", "/payments", file)

    async def advance_day(self) -> None:
        """Let a day pass."""
        await self.call("POST", "/_mock/advance?days=1")

    async def collect_messages(self, kind: str) -> list[bytes]:
        """Return the messages of a kind to the account's owner that were not collected yet."""
        async with self.session.get(f"/_mock/mailbox?type={kind}") as answer:
            waiting = await answer.json()
        return [one["body"].encode() for one in waiting if one["account"] in (_ACCOUNT, None)]


def require_bank() -> None:
    """BankMissing where it is not, with what to do."""
    if find_spec("mockbank") is None:
        raise BankMissing("the demonstration needs a bank: pip install --require-hashes -r requirements/demo.txt")


@asynccontextmanager
async def run_bank(now: datetime) -> AsyncIterator[Bank]:
    """Yield a bank that opens on the morning of this day."""
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
        raise BankMissing(f"the demonstration's bank did not answer within {_START_SECONDS_MAX} s") from error


async def _is_healthy(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/_mock/health") as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False


def make_iban(number: int) -> str:
    """Return an IBAN of the bank's for ten digits, with the check digits of ISO 13616. Pure."""
    account = f"MOCK{number % 10**10:010}"
    digits = "".join(str(int(sign, 36)) for sign in account + "NL00")
    return f"NL{98 - int(digits) % 97:02}{account}"
