"""A service at which people sign in by OpenID Connect, and the provider that it asks: fixtures of those tests."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from clerks import hire
from openid_provider import CLIENT_ID, SECRET, provider
from serving import Running, running

BACK = "/admin/sign-in/openid/callback"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider() as found:
        yield found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def serving(dsn: str, issuer: str, **settings: Any) -> AsyncIterator[Running]:
    port = free_port()
    own = {
        "openid_issuer": issuer,
        "openid_client": CLIENT_ID,
        "openid_secret": SECRET,
        "openid_name_claim": "preferred_username",
        "openid_role_claim": "realm.groups",
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
    }
    async with running(dsn, **own | settings) as made:
        await hire(made.service.pool)
        yield made


@pytest.fixture
async def served(dsn: str, issuer: str) -> AsyncIterator[Running]:
    async with serving(dsn, issuer) as made:
        redirect = {"redirect_uri": f"{made.url}{BACK}"}
        async with made.http.get(f"{issuer.removesuffix('/o')}/client", params=redirect) as answer:
            assert answer.status == 200
        yield made
