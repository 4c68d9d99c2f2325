"""Administrators for tests: clients of the API, each with a role and a token."""

import io
import json
from typing import Any

from campaigns.promise.model import Promise
from ops.admin.auth import tokens
from ops.clock import utc_now
from running_service import RunningService, promise
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
    """Store a token for each person, with the rights of the database's owner."""
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL ROLE NONE")
        for name, role in PEOPLE.items():
            await tokens.store_token(conn, f"token-of-{name}", name, role, utc_now())


def promise_json(promise: Promise) -> Any:
    """Return a promise as JSON."""
    return json.loads(promise.model_dump_json(exclude_none=True))


class AdminClient:
    """The API client of one person."""

    def __init__(self, server: RunningService, name: str) -> None:
        self.server, self.name, self.sent_count = server, name, 0

    async def run_command(self, path: str, body: Any = None, key: str | None = None, **query: str) -> tuple[int, Any]:
        """Run a command; return status and response."""
        self.sent_count += 1
        headers = self._headers | {"Idempotency-Key": key or f"{self.name}-{path}-{self.sent_count}"}
        async with self.server.http.post(self._url(path), json=body or {}, headers=headers, params=query) as response:
            return response.status, await response.json(content_type=None)

    async def send_file(
        self, path: str, content: bytes, key: str | None = None, kind: str = BYTES, **query: str
    ) -> tuple[int, Any]:
        """Send a file; return status and response."""
        self.sent_count += 1
        file_headers = {
            "Idempotency-Key": key or f"{self.name}-{path}-{self.sent_count}",
            "Content-Type": kind,
        }
        headers, body = self._headers | file_headers, io.BytesIO(content)
        async with self.server.http.post(self._url(path), data=body, headers=headers, params=query) as response:
            return response.status, await response.json(content_type=None)

    async def read(self, path: str, **query: str) -> tuple[int, Any]:
        """Read a list or a detail; return status and response."""
        async with self.server.http.get(self._url(path), headers=self._headers, params=query) as response:
            return response.status, await response.json(content_type=None)

    async def approve(self, proposal_id: str) -> tuple[int, Any]:
        """Read a proposal and approve it by its hash."""
        _, listed = await self.read("/proposals")
        [proposal] = [row for row in listed["proposals"] if row["proposal"] == proposal_id]
        return await self.run_command(f"/proposals/{proposal_id}/approve", {"hash": proposal["hash"]})

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer token-of-{self.name}"}

    def _url(self, path: str) -> str:
        return f"{self.server.url}/v1/admin{path}"
