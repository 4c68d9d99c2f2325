"""Authentication by token or session, with a rate limit for addresses that fail too often."""

from collections import OrderedDict, deque
from hashlib import sha256
from hmac import compare_digest, digest
from time import monotonic
from typing import Literal

import structlog
from aiohttp import web

from ops.admin.auth import session_store, tokens
from ops.admin.auth.tokens import Identity
from ops.admin.core.actor import BOOTSTRAP_ADMIN, Actor, EntryPoint
from ops.clock import utc_now
from ops.http.core.client_address import client_address, client_network
from ops.metrics import Metrics
from ops.settings import Settings
from sql import Pool

FAILURES_MAX, FAILURES_SECONDS = 10, 60.0
_NETWORKS_MAX = 10_000
_TOKEN_CHARS_MAX = 200

Proof = Literal["token", "openid"]

_log = structlog.get_logger()


class InvalidCredentials(Exception):
    """The token or session is missing, unknown or has ended."""


class RateLimited(Exception):
    """The address had too many failures within the last minute."""


class AuthenticationFailures:
    """Failed attempts of the last minute by the client's network. Full, it drops the oldest network."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def is_limit_reached(self, address: str, now: float) -> bool:
        """Return whether a client has to wait; `now` is in seconds."""
        times = self._times.get(client_network(address))
        while times and times[0] <= now - FAILURES_SECONDS:
            times.popleft()
        return times is not None and len(times) >= FAILURES_MAX

    def add(self, address: str, now: float) -> None:
        """Record a failure; `now` is in seconds."""
        network = client_network(address)
        self._times.setdefault(network, deque(maxlen=FAILURES_MAX)).append(now)
        self._times.move_to_end(network)
        if len(self._times) > _NETWORKS_MAX:
            self._times.popitem(last=False)


class Authenticator:
    """Identifies the sender of a request. Every entry point calls it, so every failure counts."""

    def __init__(self, pool: Pool, settings: Settings, metrics: Metrics) -> None:
        self.pool = pool
        self.settings = settings
        self._metrics = metrics
        # OpenID has a limit of its own: it stops requests to the provider before anything is proven.
        self._failures: dict[Proof, AuthenticationFailures] = {
            "token": AuthenticationFailures(),
            "openid": AuthenticationFailures(),
        }

    def client_address(self, request: web.Request) -> str:
        """Return the client's address; behind trusted proxies, as the outermost recorded it."""
        forwarded_for, forwarded = (request.headers.getall(name, []) for name in ("X-Forwarded-For", "Forwarded"))
        return client_address(request.remote or "", forwarded_for, forwarded, self.settings.trusted_proxies)

    async def authenticate_token(self, token: str, address: str, entry_point: EntryPoint) -> Actor:
        """Return the holder of a token. Raises InvalidCredentials or RateLimited.

        The token is looked up before the limit: failures of others at the address lock out nobody.
        """
        if self._is_admin_token(token):
            return Actor(BOOTSTRAP_ADMIN, "owner", entry_point, address)
        if token and len(token) <= _TOKEN_CHARS_MAX:
            async with self.pool.acquire() as conn:
                identity = await tokens.find_identity(conn, token, utc_now())
            if identity is not None:
                return Actor(identity.name, identity.role, entry_point, address)
        self.check_rate_limit(address)
        self.record_failure(address, entry_point)
        raise InvalidCredentials

    def _is_admin_token(self, token: str) -> bool:
        admin_token = self.settings.admin_token
        return admin_token is not None and compare_digest(
            tokens.hash_token(admin_token.get_secret_value()), tokens.hash_token(token)
        )

    async def authenticate_session(self, cookie: str, address: str) -> Actor:
        """Return the owner of a browser session. Raises InvalidCredentials or RateLimited."""
        if cookie and len(cookie) <= _TOKEN_CHARS_MAX:
            async with self.pool.acquire() as conn:
                identity = await session_store.find_identity(conn, cookie, utc_now())
            if identity is not None and (identity.name != BOOTSTRAP_ADMIN or self._is_bootstrap_session(cookie)):
                return Actor(identity.name, identity.role, "page", address)
            self.check_rate_limit(address)
            self.record_failure(address, "page")
        raise InvalidCredentials

    async def begin_session(self, token: str, address: str) -> str:
        """Begin a session for the holder of a token; return its cookie.

        Raises InvalidCredentials or RateLimited.
        """
        actor = await self.authenticate_token(token, address, "page")
        is_bootstrap = actor.name == BOOTSTRAP_ADMIN
        cookie = session_store.make_cookie() + (f".{self._bootstrap_seal(token)}" if is_bootstrap else "")
        identity = Identity(actor.name, actor.role)  # type: ignore[arg-type]
        async with self.pool.acquire() as conn:
            await session_store.begin_session(conn, identity, utc_now(), None if is_bootstrap else token, cookie)
        return cookie

    async def begin_openid_session(self, holder: Identity) -> str:
        """Begin a session for a person whom the OpenID provider identified; return its cookie."""
        async with self.pool.acquire() as conn:
            return await session_store.begin_session(conn, holder, utc_now())

    def _is_bootstrap_session(self, cookie: str) -> bool:
        """Return whether a session began with the current admin token.

        A new token in the settings ends the sessions of the old one.
        """
        admin_token = self.settings.admin_token
        seal = self._bootstrap_seal(admin_token.get_secret_value()) if admin_token else ""
        return bool(seal) and compare_digest(cookie.rpartition(".")[2].encode(), seal.encode())

    @staticmethod
    def _bootstrap_seal(token: str) -> str:
        return digest(tokens.hash_token(token), b"session of the setting's token", sha256).hex()

    def check_rate_limit(self, address: str, proof: Proof = "token") -> None:
        """Raise RateLimited if the address has to wait before it tries this kind of proof again."""
        if self._failures[proof].is_limit_reached(address, monotonic()):
            self._metrics.authentication_failures.labels("rate_limited").inc()
            raise RateLimited

    def record_failure(self, address: str, entry_point: EntryPoint, proof: Proof = "token") -> None:
        """Count and log a failed attempt, without the credentials."""
        self._failures[proof].add(address, monotonic())
        self._metrics.authentication_failures.labels("invalid_credentials").inc()
        _log.warning("authentication failed", address=address, entry_point=entry_point)


AUTHENTICATOR: web.AppKey[Authenticator] = web.AppKey("authenticator")
