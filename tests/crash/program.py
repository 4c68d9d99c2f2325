"""The service as a separate process, to be killed; and a sender that keeps every response."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from standardwebhooks.webhooks import Webhook

from ops.clock import utc_now
from running_service import environment, like

_ROOT = Path(__file__).parents[2]
_TRIES_MAX = 400
_PAUSE_SECONDS = 0.05
_START_SECONDS_MAX = 30
_FAST_SETTINGS = {"LIKE_LEDGER_TICK_SECONDS": "0.2", "LIKE_LEDGER_SEQUENCE_SECONDS": "0.2"}


@dataclass
class Program:
    """A service that can be killed and restarted on the same port; its log goes to a file."""

    settings: Mapping[str, str]  # environment variables
    log: Path
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start, and return once it serves."""
        log_offset = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", "serve", "--port", str(self.port)],
                cwd=_ROOT,
                stderr=log,
                env=os.environ | self.settings | _FAST_SETTINGS,
            )
        self.port = self._port_from(log_offset)

    def _port_from(self, log_offset: int) -> int:
        """Wait for the log line with the address.

        Fail with the log if the process ends or takes too long.
        """
        deadline = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < deadline and self.process and self.process.poll() is None:
            for line in self.log.read_bytes()[log_offset:].splitlines():
                if b'"serving"' in line and line.endswith(b"}"):
                    return int(json.loads(line)["url"].rsplit(":", 1)[1])
            time.sleep(0.02)
        raise AssertionError(f"the service did not start: {self.log.read_text()[-2000:]}")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """End the process; return its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait until the process ends; return its exit status."""
        assert self.process is not None
        return self.process.wait(60)


@contextmanager
def running_program(dsn: str, **settings: str) -> Iterator[Program]:
    """Yield a running service with these environment variables; it ends with the test."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(environment(dsn) | settings, Path(folder) / "service.log")
        program.start()
        try:
            yield program
        finally:
            with suppress(ProcessLookupError):
                program.kill()


@dataclass
class Sender:
    """Sends each delivery until its response is 200, as a platform does; keeps every response."""

    program: Program
    secret: str
    http: aiohttp.ClientSession
    responses: dict[str, set[bytes]] = field(default_factory=dict)
    refusal_count: int = 0

    async def deliver(self, number: int, likes: list[dict[str, object]]) -> None:
        """Send one delivery until its response is 200."""
        for _ in range(_TRIES_MAX):
            if await self.try_once(number, likes):
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        raise AssertionError(f"msg_{number} never got a response")

    async def try_once(self, number: int, likes: list[dict[str, object]]) -> bool:
        """Send one delivery; return whether its response is 200."""
        webhook_id = f"msg_{number}"
        body = json.dumps({"type": "likes", "timestamp": "2026-11-23T08:00:00Z", "data": {"likes": likes}})
        response = await self._post(webhook_id, body)
        if response is None:
            self.refusal_count += 1
            return False
        self.responses.setdefault(webhook_id, set()).add(response)
        return True

    async def _post(self, webhook_id: str, body: str) -> bytes | None:
        headers = self.sign(webhook_id, body)
        url = f"http://127.0.0.1:{self.program.port}/v1/platforms/kuai/likes"
        try:
            async with self.http.post(url, data=body, headers=headers) as response:
                text = await response.read()
                assert response.status in {200, 503}, (response.status, text, self.program.log.read_text()[-3000:])
                return text if response.status == 200 else None
        except (aiohttp.ClientError, OSError):
            return None

    def sign(self, webhook_id: str, body: str) -> dict[str, str]:
        """Return the headers of a delivery."""
        now = utc_now()
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(webhook_id, now, body),
            "Content-Type": "application/json",
        }

    def count_counted(self) -> int:
        """Return the number of likes whose response is `counted`."""
        return sum(
            json.loads(response)["outcomes"].get("counted", 0)
            for responses in self.responses.values()
            for response in responses
        )


@asynccontextmanager
async def running_sender(program: Program, secret: str) -> AsyncIterator[Sender]:
    """Yield a sender."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
        yield Sender(program, secret, http)


def batch_likes(number: int, size: int = 25) -> list[dict[str, object]]:
    """Return a delivery's likes: every fifth was in the delivery before, too."""
    first = number * size
    return [like(str(first + n - (size if n % 5 == 0 and number else 0))) for n in range(size)]
