"""Who sends a request: by token or session; who fails too often waits, and every failure is logged and counted."""

from collections import OrderedDict, deque
from hashlib import sha256
from hmac import compare_digest, digest
from time import monotonic

import structlog
from aiohttp import web

from ops.admin.auth import session_store, tokens
from ops.admin.auth.tokens import Holder
from ops.admin.core.actor import BY_SETTING, Actor, Door
from ops.clock import utc_now
from ops.metrics import Metrics
from ops.settings import Settings
from sql import Pool

FAILURES_MAX, FAILURES_SECONDS = 10, 60.0
_ADDRESSES_MAX = 10_000
_TOKEN_CHARS_MAX = 200

_log = structlog.get_logger()


class Unknown(Exception):
    """No token, or one that does not hold."""


class TooMany(Exception):
    """Too many failures from that address of late."""


class Failures:
    """Failed attempts by address, of the last minute; bounded: the oldest address is forgotten first."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def are_too_many(self, address: str, now: float) -> bool:
        """Tell whether an address has to wait."""
        times = self._times.get(address)
        while times and times[0] <= now - FAILURES_SECONDS:
            times.popleft()
        return times is not None and len(times) >= FAILURES_MAX

    def add(self, address: str, now: float) -> None:
        """Remember a failure."""
        self._times.setdefault(address, deque(maxlen=FAILURES_MAX)).append(now)
        self._times.move_to_end(address)
        if len(self._times) > _ADDRESSES_MAX:
            self._times.popitem(last=False)


class SignIn:
    """Finds out who it is. Every door asks here, so every failure counts."""

    def __init__(self, pool: Pool, settings: Settings, metrics: Metrics) -> None:
        self.pool = pool
        self.settings = settings
        self._metrics = metrics
        self._failures = Failures()

    def address(self, request: web.Request) -> str:
        """Return where a request comes from; behind so many proxies of ours, what the outermost of them saw."""
        hops = [
            hop.strip() for hop in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",") if hop.strip()
        ]
        behind = self.settings.trusted_proxies
        seen = hops[-behind] if 0 < behind <= len(hops) else request.remote or ""
        return seen[:100]

    async def by_token(self, token: str, address: str, door: Door) -> Actor:
        """Return who holds a token. Unknown: nobody does; TooMany: the address has to wait a while."""
        self.let_through(address)
        own = self.settings.admin_token
        if own is not None and compare_digest(tokens.digest(own.get_secret_value()), tokens.digest(token)):
            return Actor(BY_SETTING, "owner", door, address)
        if token and len(token) <= _TOKEN_CHARS_MAX:
            async with self.pool.acquire() as conn:
                found = await tokens.find(conn, token, utc_now())
            if found is not None:
                return Actor(found.name, found.role, door, address)
        self.failed(address, door)
        raise Unknown

    async def by_session(self, cookie: str, address: str) -> Actor:
        """Return whose session a browser's cookie holds. Unknown: nobody's, or it has ended; TooMany: as above."""
        if cookie and len(cookie) <= _TOKEN_CHARS_MAX:
            async with self.pool.acquire() as conn:
                found = await session_store.find(conn, cookie, utc_now())
            if found is not None and (found.name != BY_SETTING or self._is_of_the_setting(cookie)):
                return Actor(found.name, found.role, "page", address)
            self.let_through(address)
            self.failed(address, "page")
        raise Unknown

    async def begin(self, token: str, address: str) -> str:
        """Begin a session for who holds a token, and return what its cookie holds. Unknown and TooMany: as above."""
        who = await self.by_token(token, address, "page")
        is_of_the_setting = who.name == BY_SETTING
        cookie = session_store.make() + (f".{self._seal(token)}" if is_of_the_setting else "")
        own = Holder(who.name, who.role)  # type: ignore[arg-type]
        async with self.pool.acquire() as conn:
            await session_store.begin(conn, own, utc_now(), None if is_of_the_setting else token, cookie)
        return cookie

    async def begin_for(self, own: Holder) -> str:
        """Begin a session for whom another vouches, and return what its cookie holds."""
        async with self.pool.acquire() as conn:
            return await session_store.begin(conn, own, utc_now())

    def _is_of_the_setting(self, cookie: str) -> bool:
        """Tell whether a session was begun with the token that the settings have now: another ended it."""
        own = self.settings.admin_token
        sealed = self._seal(own.get_secret_value()) if own else ""
        return bool(sealed) and compare_digest(cookie.rpartition(".")[2].encode(), sealed.encode())

    @staticmethod
    def _seal(token: str) -> str:
        return digest(tokens.digest(token), b"session of the setting's token", sha256).hex()

    def let_through(self, address: str) -> None:
        """Raise TooMany where the address has to wait."""
        if self._failures.are_too_many(address, monotonic()):
            self._metrics.sign_ins_failed.labels("rate_limited").inc()
            raise TooMany

    def failed(self, address: str, door: Door) -> None:
        """Count and log a failed attempt; nothing of what was tried."""
        self._failures.add(address, monotonic())
        self._metrics.sign_ins_failed.labels("invalid_credentials").inc()
        _log.warning("sign-in failed", address=address, door=door)


SIGN_IN: web.AppKey[SignIn] = web.AppKey("sign_in")
