"""Platforms by the API: secrets shown once, last use of each key, disabled platforms."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from admin_client import AdminClient, create_tokens
from campaigns.catalogue.cache import PlatformKey
from campaigns.intake.key_usage import KeyUsage
from ops.clock import utc_now
from running_service import RunningService, like, running_service

PUBLIC = "whpk_" + base64.b64encode(bytes(range(32))).decode()
WRITES = {
    "": {"name": "second"},
    "/kuai/rotate": {},
    "/kuai/keys": {"public_key": PUBLIC},
    "/kuai/drop-old": {},
    "/kuai/disable": {},
    "/kuai/enable": {},
}
OLD, NEW, OWN = PlatformKey(1, "v1", b"a", None), PlatformKey(2, "v1", b"b", None), PlatformKey(3, "v1a", None, b"c")


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        await create_tokens(running.service.pool)
        yield running


async def keys(server: RunningService) -> list[dict[str, Any]]:
    _, listing = await AdminClient(server, "rita").read("/platforms")
    return next(platform["keys"] for platform in listing["platforms"] if platform["platform"] == "kuai")


async def test_an_owner_may_do_everything_and_every_secret_is_shown_once(server: RunningService):
    olga = AdminClient(server, "olga")
    for path, body in WRITES.items():
        status, response = await olga.run_command(f"/platforms{path}", body, key=f"key{path}")
        assert status == 200
        assert ("secret" in response) == (path in ("", "/kuai/rotate"))
        assert "secret" not in (await olga.run_command(f"/platforms{path}", body, key=f"key{path}"))[1]
    stored = await server.service.pool.fetchval("SELECT string_agg(coalesce(after, ''), ' ') FROM audit_log")
    assert "whsec_" not in stored
    assert (await olga.run_command("/platforms", {"name": "kuai"}))[0] == 409
    assert (await olga.run_command("/platforms/nobody/rotate"))[0] == 404
    assert (await olga.run_command("/platforms/%00/rotate"))[0] == 404
    assert (await olga.run_command("/platforms", {"name": "No Slug"}))[1]["faults"][0]["path"] == "name"


async def test_a_rotation_shows_when_the_old_secret_was_last_used(server: RunningService):
    olga, old = AdminClient(server, "olga"), server.secret
    _, response = await olga.run_command("/platforms/kuai/rotate")
    await server.send([like("ann")])
    assert [key["last_used_at"] for key in await keys(server)] == [None, None], "no delivery costs a write"
    await server.service.key_usage.flush(server.service.pool)
    new_used, old_used = (key["last_used_at"] for key in await keys(server))
    assert (new_used, old_used is None) == (None, False)
    server.secret = response["secret"]
    body = server.delivery_body([like("ben")])
    headers = server.sign_headers("both", body)
    server.secret = old
    headers["webhook-signature"] += " " + server.sign_headers("both", body)["webhook-signature"]
    assert (await server.post(body.encode(), headers)).status == 200
    await server.service.key_usage.flush(server.service.pool)
    assert [key["last_used_at"] == old_used for key in await keys(server)] == [False, True]


async def test_a_dropped_secret_is_refused_before_the_cache_is_refreshed(server: RunningService):
    olga = AdminClient(server, "olga")
    _, response = await olga.run_command("/platforms/kuai/rotate")
    assert (await server.send([like("ann")])).status == 200
    _, dropped = await olga.run_command("/platforms/kuai/drop-old")
    assert (dropped["before"], dropped["after"]) == ({"keys": ["v1", "v1"]}, {"keys": ["v1"]})
    assert (await server.send([like("ben")])).status == 401
    server.secret = response["secret"]
    assert (await server.send([like("ben")])).outcomes == {"counted": 1}


async def test_a_disabled_platform_is_refused_like_an_unknown_one(server: RunningService):
    olga = AdminClient(server, "olga")
    assert (await server.send([like("ann")])).status == 200
    assert (await olga.run_command("/platforms/kuai/disable"))[1]["after"] == {"is_disabled": True}
    assert (await olga.run_command("/platforms/kuai/disable"))[1]["state"] == "unchanged"
    body = server.delivery_body([like("ben")])
    headers = server.sign_headers("msg_x", body)
    responses = [await server.post(body.encode(), headers, platform=name) for name in ("kuai", "nobody", "kuai")]
    assert {(response.status, response.body) for response in responses} == {(401, responses[1].body)}
    assert await server.service.pool.fetchval("SELECT count(*) FROM likes") == 1
    await olga.run_command("/platforms/kuai/enable")
    assert (await server.post(body.encode(), headers)).outcomes == {"counted": 1}


async def test_last_uses_are_stored_when_the_service_ends(dsn: str, owner: asyncpg.Connection):
    async with running_service(dsn) as running:
        await running.send([like("ann")])
        assert await owner.fetchval("SELECT max(last_used_at) FROM platform_keys") is None
    assert await owner.fetchval("SELECT max(last_used_at) FROM platform_keys") is not None


async def test_last_use_only_moves_forward_with_concurrent_writers(server: RunningService):
    pool, now = server.service.pool, utc_now()
    key_id = await pool.fetchval("SELECT key_id FROM platform_keys")
    uses = [KeyUsage() for _ in range(6)]
    for hours, use in enumerate(uses):
        use.record_use([OLD._replace(key_id=key_id)], now + timedelta(hours=hours))
    await asyncio.gather(*(use.flush(pool) for use in reversed(uses)))
    assert await pool.fetchval("SELECT last_used_at FROM platform_keys") == now + timedelta(hours=5)


async def test_uses_that_could_not_be_stored_are_stored_next_time(server: RunningService, dsn: str):
    pool, now, use = server.service.pool, utc_now(), KeyUsage()
    use.record_use([OLD._replace(key_id=await pool.fetchval("SELECT key_id FROM platform_keys"))], now)
    gone = await asyncpg.create_pool(dsn, min_size=0, max_size=1)
    await gone.close()
    with pytest.raises(asyncpg.InterfaceError):
        await use.flush(gone)
    await use.flush(pool)
    assert await pool.fetchval("SELECT last_used_at FROM platform_keys") == now


def test_the_newest_matching_key_of_each_scheme_counts_as_used():
    use, now = KeyUsage(), utc_now()
    use.record_use([OWN, NEW, OLD], now)
    assert use._last_used_at == {3: now, 2: now}
