"""Fixtures: a service with sign-in by OpenID Connect, and its provider."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from admin_client import create_tokens
from openid_provider import CLIENT_ID, SECRET, running_provider
from running_service import RunningService, running_service

CALLBACK_PATH = "/admin/sign-in/openid/callback"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running_provider() as address:
        yield address


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running_openid_service(dsn: str, issuer: str, **settings: Any) -> AsyncIterator[RunningService]:
    port = free_port()
    openid_settings = {
        "openid_issuer": issuer,
        "openid_client": CLIENT_ID,
        "openid_secret": SECRET,
        "openid_name_claim": "preferred_username",
        "openid_role_claim": "realm.groups",
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
    }
    async with running_service(dsn, **openid_settings | settings) as service:
        await create_tokens(service.service.pool)
        yield service


@pytest.fixture
async def openid_server(dsn: str, issuer: str) -> AsyncIterator[RunningService]:
    async with running_openid_service(dsn, issuer) as service:
        redirect = {"redirect_uri": f"{service.url}{CALLBACK_PATH}"}
        async with service.http.get(f"{issuer.removesuffix('/o')}/client", params=redirect) as response:
            assert response.status == 200
        yield service
