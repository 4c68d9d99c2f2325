"""A payment service for tests: it pays every idempotency key once, and can misbehave."""

import asyncio
import json
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from aiohttp import web
from standardwebhooks import Webhook

CHUNKS = {
    "responds in chunks": (b'{"status": "acc', b'epted", "refer', b'ence": "P-in-chunks"}'),
    "goes on after its response": (b'{"status": "refused"}', b" no, wait: it was paid"),
    "never stops": (b'{"status": "refused"}', b" " * 40_000, b" " * 40_000),
}
FAULT_STATUSES = {"is down": 503, "loses it": 503, "knows another body": 409}
SECRET = "whsec_" + b64encode(bytes(range(32))).decode()


@dataclass
class PaymentService:
    """A payment service at a URL."""

    url: str = ""
    behaviour: str = "accepts"
    received: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    digests: dict[str, str] = field(default_factory=dict)  # of the bodies, as its answers name them
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        body, key = await request.read(), request.headers["Idempotency-Key"]
        Webhook(SECRET).verify(body, dict(request.headers))
        assert json.loads(body)["data"]["id"] == key == request.headers["webhook-id"]
        assert request.headers["Content-Digest"] == f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"
        self.received[key] += 1
        if self.behaviour in FAULT_STATUSES:
            return web.Response(status=FAULT_STATUSES[self.behaviour])
        if self.behaviour == "refuses":
            return web.json_response({"status": "refused", "reason": "no such account"}, status=422)
        if self.received[key] == 1:
            self.paid[key] += 1
        if self.behaviour == "is slow":
            await self.release.wait()
        if self.behaviour == "hangs up" and request.transport is not None:
            request.transport.close()
        if self.behaviour in CHUNKS:
            return await self.respond_in_chunks(request, *CHUNKS[self.behaviour])
        if self.behaviour == "mumbles":
            return web.Response(text="<html>ok</html>")
        return web.json_response({"status": "accepted", "reference": f"P-{key}"})

    async def respond_in_chunks(self, request: web.Request, *chunks: bytes) -> web.StreamResponse:
        response = web.StreamResponse(status=422 if b"refused" in b"".join(chunks) else 200)
        response.enable_chunked_encoding()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
        return response

    async def handle_query(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if self.behaviour == "is down":
            return web.Response(status=503)
        if key not in self.paid:
            return web.Response(status=404)
        digest = {"sha256": self.digests[key]} if key in self.digests else {}
        return web.json_response({"status": "accepted", "reference": f"P-{key}"} | digest)


@asynccontextmanager
async def running_payment_service() -> AsyncIterator[PaymentService]:
    """Yield a payment service that listens on a free port."""
    service = PaymentService()
    app = web.Application()
    app.add_routes([web.post("/payouts", service.handle_request), web.get("/payouts/{key}", service.handle_query)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}/payouts"
    yield service
    service.release.set()
    await runner.cleanup()
