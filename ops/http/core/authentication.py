"""Who sends a request: by token or session; who fails too often waits, and every failure is logged and counted."""

from collections import OrderedDict, deque
from hashlib import sha256
from hmac import compare_digest, digest
from time import monotonic

import structlog
from aiohttp import web

from ops.admin.auth import session_store, tokens
from ops.admin.auth.tokens import Identity
from ops.admin.core.actor import BOOTSTRAP_ADMIN, Actor, EntryPoint
from ops.clock import utc_now
from ops.metrics import Metrics
from ops.settings import Settings
from sql import Pool

FAILURES_MAX, FAILURES_SECONDS = 10, 60.0
_ADDRESSES_MAX = 10_000
_TOKEN_CHARS_MAX = 200

_log = structlog.get_logger()


class InvalidCredentials(Exception):
    """No token, or one that does not hold."""


class RateLimited(Exception):
    """Too many failures from that address of late."""


class AuthenticationFailures:
    """Failed attempts by address, of the last minute; bounded: the oldest address is forgotten first."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def is_limit_reached(self, address: str, now: float) -> bool:
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


class Authenticator:
    """Finds out who it is. Every door asks here, so every failure counts."""

    def __init__(self, pool: Pool, settings: Settings, metrics: Metrics) -> None:
        self.pool = pool
        self.settings = settings
        self._metrics = metrics
        self._failures = AuthenticationFailures()

    def client_address(self, request: web.Request) -> str:
        """Return where a request comes from; behind so many proxies of ours, what the outermost of them saw."""
        hops = [
            hop.strip() for hop in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",") if hop.strip()
        ]
        behind = self.settings.trusted_proxies
        seen = hops[-behind] if 0 < behind <= len(hops) else request.remote or ""
        return seen[:100]

    async def authenticate_token(self, token: str, address: str, entry_point: EntryPoint) -> Actor:
        """Return who holds a token. Unknown: nobody does; TooMany: the address has to wait a while."""
        self.check_rate_limit(address)
        own = self.settings.admin_token
        if own is not None and compare_digest(tokens.hash_token(own.get_secret_value()), tokens.hash_token(token)):
            return Actor(BOOTSTRAP_ADMIN, "owner", entry_point, address)
        if token and len(token) <= _TOKEN_CHARS_MAX:
            async with self.pool.acquire() as conn:
                found = await tokens.find_identity(conn, token, utc_now())
            if found is not None:
                return Actor(found.name, found.role, entry_point, address)
        self.record_failure(address, entry_point)
        raise InvalidCredentials

    async def authenticate_session(self, cookie: str, address: str) -> Actor:
        """Return whose session a browser's cookie holds. Unknown: nobody's, or it has ended; TooMany: as above."""
        if cookie and len(cookie) <= _TOKEN_CHARS_MAX:
            async with self.pool.acquire() as conn:
                found = await session_store.find_identity(conn, cookie, utc_now())
            if found is not None and (found.name != BOOTSTRAP_ADMIN or self._is_bootstrap_session(cookie)):
                return Actor(found.name, found.role, "page", address)
            self.check_rate_limit(address)
            self.record_failure(address, "page")
        raise InvalidCredentials

    async def begin_session(self, token: str, address: str) -> str:
        """Begin a session for who holds a token, and return what its cookie holds. Unknown and TooMany: as above."""
        who = await self.authenticate_token(token, address, "page")
        is_of_the_setting = who.name == BOOTSTRAP_ADMIN
        cookie = session_store.make_cookie() + (f".{self._bootstrap_seal(token)}" if is_of_the_setting else "")
        own = Identity(who.name, who.role)  # type: ignore[arg-type]
        async with self.pool.acquire() as conn:
            await session_store.begin_session(conn, own, utc_now(), None if is_of_the_setting else token, cookie)
        return cookie

    async def begin_openid_session(self, holder: Identity) -> str:
        """Begin a session for whom another vouches, and return what its cookie holds."""
        async with self.pool.acquire() as conn:
            return await session_store.begin_session(conn, holder, utc_now())

    def _is_bootstrap_session(self, cookie: str) -> bool:
        """Tell whether a session was begun with the token that the settings have now: another ended it."""
        own = self.settings.admin_token
        sealed = self._bootstrap_seal(own.get_secret_value()) if own else ""
        return bool(sealed) and compare_digest(cookie.rpartition(".")[2].encode(), sealed.encode())

    @staticmethod
    def _bootstrap_seal(token: str) -> str:
        return digest(tokens.hash_token(token), b"session of the setting's token", sha256).hex()

    def check_rate_limit(self, address: str) -> None:
        """Raise TooMany where the address has to wait."""
        if self._failures.is_limit_reached(address, monotonic()):
            self._metrics.authentication_failures.labels("rate_limited").inc()
            raise RateLimited

    def record_failure(self, address: str, entry_point: EntryPoint) -> None:
        """Count and log a failed attempt; nothing of what was tried."""
        self._failures.add(address, monotonic())
        self._metrics.authentication_failures.labels("invalid_credentials").inc()
        _log.warning("sign-in failed", address=address, door=entry_point)


AUTHENTICATOR: web.AppKey[Authenticator] = web.AppKey("sign_in")
