"""Failed tokens are limited by network, and lock out no valid one; a name has one owner in all its spellings."""

from collections.abc import AsyncIterator

import pytest

from admin_client import AdminClient, create_tokens
from running_service import RunningService, running_service

PATH = "/v1/admin/proposals"


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, trusted_proxies=1) as server:
        await create_tokens(server.service.pool)
        yield server


async def test_failures_of_others_at_the_address_lock_out_no_valid_token(server: RunningService):
    for _ in range(12):
        last = await server.get(PATH, Authorization="Bearer nobody")
    assert last.status == 429
    assert (await AdminClient(server, "olga").read("/proposals"))[0] == 200
    assert (await server.get(PATH, Authorization="Bearer nobody")).status == 429


@pytest.mark.parametrize(
    ("hops", "is_limited"),
    [
        ([f"198.51.100.8:{port}" for port in range(12)], True),
        ([f"[2001:db8:1:2::{port}]:{port}" for port in range(12)], True),
        ([f"2001:db8:1:2:{port}::1" for port in range(12)], True),
        (["::ffff:198.51.100.8", "198.51.100.8"] * 6, True),
        ([f"2001:db8:1:{port}::1" for port in range(12)], False),
        ([f"198.51.100.{port}" for port in range(12)], False),
    ],
)
async def test_failures_are_limited_by_network(server: RunningService, hops: list[str], is_limited: bool):
    statuses = [(await server.get(PATH, **{"X-Forwarded-For": hop})).status for hop in hops]
    assert (429 in statuses) is is_limited
    assert ((await server.get(PATH, Forwarded=f'for="{hops[0]}"')).status == 429) is is_limited


async def test_two_spellings_of_a_name_are_one_person(server: RunningService):
    olga = AdminClient(server, "olga")
    for number, (name, code) in enumerate(
        [
            ("Dora", None),
            ("DORA", "token_exists"),
            ("Ｄora", "token_exists"),
            ("Dorа", "token_name_mixes_scripts"),
            ("ＡＤＭＩＮ", "token_name_reserved"),
            ("Payment  Service", "token_name_reserved"),
        ]
    ):
        status, answer = await olga.run_command("/tokens", {"name": name, "role": "finance"}, key=f"k{number}")
        assert (status, answer.get("code")) == (409 if code else 200, code), name
