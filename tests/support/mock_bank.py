"""The bank of tests: `mock-bank` in its own process, over HTTP."""

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
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class MockBank:
    """A running bank at a URL."""

    url: str

    def call(self, path: str, body: bytes | dict[str, Any] | None = None, method: str | None = None) -> bytes:
        """Return the body of the bank's response."""
        payload = json.dumps(body).encode() if isinstance(body, dict) else body
        content_type = "application/json" if isinstance(body, dict) else "application/xml"
        request = Request(self.url + path, data=payload, method=method, headers={"Content-Type": content_type})  # noqa: S310
        try:
            with urlopen(request, timeout=10) as response:  # noqa: S310 - the bank of this test
                return bytes(response.read())
        except HTTPError as error:  # its body gives the reason, such as a message that it already has
            return bytes(error.read())

    def advance(self, days: int) -> None:
        """Advance the bank's clock by days."""
        self.call(f"/_mock/advance?days={days}", b"", "POST")

    def messages(self, kind: str) -> list[bytes]:
        """Collect the new messages of a kind."""
        mailbox = json.loads(self.call(f"/_mock/mailbox?type={kind}"))
        entries = mailbox["messages"] if isinstance(mailbox, dict) else mailbox
        return [self.call(f"/_mock/mailbox/{entry['id']}") for entry in entries]

    def statements(self) -> list[bytes]:
        """Collect the payer's new statements."""
        return [message for message in self.messages("camt.053") if PAYER_IBAN.encode() in message]

    def decisions(self) -> list[dict[str, Any]]:
        """Return every payment that the bank decided on."""
        payments = json.loads(self.call("/_mock/payments"))
        return list(payments["payments"] if isinstance(payments, dict) else payments)


@contextmanager
def running_bank(clock: str) -> Iterator[MockBank]:
    """Yield a bank whose time starts at `clock`."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mockbank", "--port", str(port), "--clock", clock, "-q"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        bank = MockBank(f"http://127.0.0.1:{port}")
        try:
            _wait(bank)
            yield bank
        finally:
            process.kill()


def _wait(mock_bank: MockBank) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            mock_bank.call("/_mock/health")
        except URLError:
            assert time.monotonic() < deadline, "the bank does not respond"
            time.sleep(0.05)
        else:
            return
