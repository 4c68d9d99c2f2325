"""People who administrate, for tests: each with a role and a token, at the door of programs."""

import io
import json
from typing import Any

from campaigns.promise.model import Promise
from ops.admin.auth import tokens
from ops.clock import utc_now
from serving import RunningService, promise
from sql import Pool

PEOPLE = {
    "cat": "campaigns",
    "carl": "campaigns",
    "fay": "finance",
    "fred": "finance",
    "rita": "reviewer",
    "al": "auditor",
    "olga": "owner",
    "otto": "owner",
}
BYTES = "application/octet-stream"
FOREST = promise({"slug": "forest"})


async def create_tokens(pool: Pool) -> None:
    """Give everybody their token."""
    async with pool.acquire() as conn:
        for name, role in PEOPLE.items():
            await tokens.store_token(conn, f"token-of-{name}", name, role, utc_now())


def promise_json(promise: Promise) -> Any:
    """Return a promise as a program sends it."""
    return json.loads(promise.model_dump_json(exclude_none=True))


class AdminClient:
    """One of them."""

    def __init__(self, server: RunningService, name: str) -> None:
        self.server, self.name, self.sent_count = server, name, 0

    async def run_command(self, path: str, body: Any = None, key: str | None = None, **query: str) -> tuple[int, Any]:
        """Give a command; its status and answer."""
        self.sent_count += 1
        headers = self._headers | {"Idempotency-Key": key or f"{self.name}-{path}-{self.sent_count}"}
        async with self.server.http.post(self._url(path), json=body or {}, headers=headers, params=query) as answer:
            return answer.status, await answer.json(content_type=None)

    async def send_file(
        self, path: str, content: bytes, key: str | None = None, kind: str = BYTES, **query: str
    ) -> tuple[int, Any]:
        """Send a file; the status and answer."""
        self.sent_count += 1
        own = {
            "Idempotency-Key": key or f"{self.name}-{path}-{self.sent_count}",
            "Content-Type": kind,
        }
        headers, body = self._headers | own, io.BytesIO(content)
        async with self.server.http.post(self._url(path), data=body, headers=headers, params=query) as answer:
            return answer.status, await answer.json(content_type=None)

    async def read(self, path: str, **query: str) -> tuple[int, Any]:
        """Look at something; its status and answer."""
        async with self.server.http.get(self._url(path), headers=self._headers, params=query) as answer:
            return answer.status, await answer.json(content_type=None)

    async def approve(self, proposal_id: str) -> tuple[int, Any]:
        """Look at a proposal and agree to it."""
        _, listed = await self.read("/proposals")
        [found] = [row for row in listed["proposals"] if row["proposal"] == proposal_id]
        return await self.run_command(f"/proposals/{proposal_id}/approve", {"hash": found["hash"]})

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer token-of-{self.name}"}

    def _url(self, path: str) -> str:
        return f"{self.server.url}/v1/admin{path}"
