"""A bank without idempotency that loses requests and answers: each payment it executes counts."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

MOODS = ("pays", "loses the request", "loses the answer", "answers late", "is down")
_LATE_SECONDS = 0.3


@dataclass
class LossyBank:
    """A payment service that pays for every request that reaches it, as often as it comes."""

    random: random.Random
    url: str = ""
    paid: Counter[str] = field(default_factory=Counter)
    moods: Counter[str] = field(default_factory=Counter)

    async def pay(self, request: web.Request) -> web.Response:
        """Execute a payment, or lose something."""
        await request.read()
        key, mood = request.headers["Idempotency-Key"], self._choose_mood()
        if mood in {"loses the request", "is down"}:
            return _hang_up(request) if mood == "loses the request" else web.Response(status=503)
        self.paid[key] += 1
        if mood == "answers late":
            await asyncio.sleep(_LATE_SECONDS)
        if mood == "loses the answer":
            return _hang_up(request)
        return web.json_response({"status": "accepted", "reference": f"P-{key}"})

    async def look_up(self, request: web.Request) -> web.Response:
        """Return what became of a payment, or lose something."""
        key, mood = request.match_info["key"], self._choose_mood()
        if mood in {"loses the request", "loses the answer"}:
            return _hang_up(request)
        if mood == "is down":
            return web.Response(status=503)
        if key not in self.paid:
            return web.Response(status=404)
        return web.json_response({"status": "accepted", "reference": f"P-{key}"})

    def _choose_mood(self) -> str:
        mood = self.random.choice(MOODS)
        self.moods[mood] += 1
        return mood


def _hang_up(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


@asynccontextmanager
async def running_lossy_bank(seed: int) -> AsyncIterator[LossyBank]:
    """Yield a bank on a free port."""
    bank = LossyBank(random.Random(seed))
    app = web.Application()
    app.add_routes([web.post("/payouts", bank.pay), web.get("/payouts/{key}", bank.look_up)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bank.url = f"http://127.0.0.1:{runner.addresses[0][1]}/payouts"
    try:
        yield bank
    finally:
        await runner.cleanup()
