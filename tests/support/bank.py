"""The counterparty of tests: `mock-bank` as a process of its own, asked over HTTP."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socket import create_server
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

PAYER_IBAN, PAYER_BIC = "NL41MOCK0000000001", "MOCKNL2A"
PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class MockBank:
    """A running bank."""

    url: str

    def call(self, path: str, body: bytes | dict[str, Any] | None = None, method: str | None = None) -> bytes:
        """Return what the bank answers."""
        payload = json.dumps(body).encode() if isinstance(body, dict) else body
        kind = "application/json" if isinstance(body, dict) else "application/xml"
        asked = Request(self.url + path, data=payload, method=method, headers={"Content-Type": kind})  # noqa: S310
        try:
            with urlopen(asked, timeout=10) as answer:  # noqa: S310 - the bank of this test
                return bytes(answer.read())
        except HTTPError as refused:  # its body says why; a message that it has taken before is one
            return bytes(refused.read())

    def advance(self, days: int) -> None:
        """Let days pass."""
        self.call(f"/_mock/advance?days={days}", b"", "POST")

    def messages(self, kind: str) -> list[bytes]:
        """Return the messages of a kind that were not collected yet."""
        waiting = json.loads(self.call(f"/_mock/mailbox?type={kind}"))
        found = waiting["messages"] if isinstance(waiting, dict) else waiting
        return [self.call(f"/_mock/mailbox/{one['id']}") for one in found]

    def statements(self) -> list[bytes]:
        """Return the payer's new statements."""
        return [one for one in self.messages("camt.053") if PAYER_IBAN.encode() in one]

    def decisions(self) -> list[dict[str, Any]]:
        """Return everything that the bank decided on."""
        found = json.loads(self.call("/_mock/payments"))
        return list(found["payments"] if isinstance(found, dict) else found)


@contextmanager
def running_bank(clock: str) -> Iterator[MockBank]:
    """Yield a bank whose time starts at `clock`."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mockbank", "--port", str(port), "--clock", clock, "-q"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        found = MockBank(f"http://127.0.0.1:{port}")
        try:
            _wait(found)
            yield found
        finally:
            process.kill()


def _wait(mock_bank: MockBank) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            mock_bank.call("/_mock/health")
        except URLError:
            assert time.monotonic() < until, "the bank does not answer"
            time.sleep(0.05)
        else:
            return
