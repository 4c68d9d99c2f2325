"""Platforms through the desk: secrets shown once, when each key was last used, platforms that are disabled."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from campaigns.catalogue.cache import PlatformKey
from campaigns.intake.key_usage import KeyUsage
from clerks import AdminClient, create_tokens
from ops.clock import utc_now
from serving import RunningService, like, running_service

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
async def served(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as own:
        await create_tokens(own.service.pool)
        yield own


async def keys(served: RunningService) -> list[dict[str, Any]]:
    _, listed = await AdminClient(served, "rita").read("/platforms")
    return next(p["keys"] for p in listed["platforms"] if p["platform"] == "kuai")


async def test_an_owner_may_all_of_it_and_every_secret_is_shown_once(served: RunningService):
    olga = AdminClient(served, "olga")
    for path, body in WRITES.items():
        status, answer = await olga.run_command(f"/platforms{path}", body, key=f"key{path}")
        assert status == 200
        assert ("secret" in answer) == (path in ("", "/kuai/rotate"))
        assert "secret" not in (await olga.run_command(f"/platforms{path}", body, key=f"key{path}"))[1]
    kept = await served.service.pool.fetchval("SELECT string_agg(coalesce(after, ''), ' ') FROM audit_log")
    assert "whsec_" not in kept
    assert (await olga.run_command("/platforms", {"name": "kuai"}))[0] == 409
    assert (await olga.run_command("/platforms/nobody/rotate"))[0] == 404
    assert (await olga.run_command("/platforms/%00/rotate"))[0] == 404
    assert (await olga.run_command("/platforms", {"name": "No Slug"}))[1]["faults"][0]["path"] == "name"


async def test_a_rotation_shows_when_the_old_secret_was_last_used(served: RunningService):
    olga, old = AdminClient(served, "olga"), served.secret
    _, answer = await olga.run_command("/platforms/kuai/rotate")
    await served.send([like("ann")])
    assert [key["last_used_at"] for key in await keys(served)] == [None, None], "no delivery costs a write"
    await served.service.key_usage.flush(served.service.pool)
    new_used, old_used = (key["last_used_at"] for key in await keys(served))
    assert (new_used, old_used is None) == (None, False)
    served.secret = answer["secret"]
    body = served.delivery_body([like("ben")])
    headers = served.sign_headers("both", body)
    served.secret = old
    headers["webhook-signature"] += " " + served.sign_headers("both", body)["webhook-signature"]
    assert (await served.post(body.encode(), headers)).status == 200
    await served.service.key_usage.flush(served.service.pool)
    assert [key["last_used_at"] == old_used for key in await keys(served)] == [False, True]


async def test_a_dropped_secret_holds_no_longer_in_a_service_that_has_not_looked_yet(served: RunningService):
    olga = AdminClient(served, "olga")
    _, answer = await olga.run_command("/platforms/kuai/rotate")
    assert (await served.send([like("ann")])).status == 200
    _, dropped = await olga.run_command("/platforms/kuai/drop-old")
    assert (dropped["before"], dropped["after"]) == ({"keys": ["v1", "v1"]}, {"keys": ["v1"]})
    assert (await served.send([like("ben")])).status == 401
    served.secret = answer["secret"]
    assert (await served.send([like("ben")])).outcomes == {"counted": 1}


async def test_a_disabled_platform_is_refused_like_an_unknown_one(served: RunningService):
    olga = AdminClient(served, "olga")
    assert (await served.send([like("ann")])).status == 200
    assert (await olga.run_command("/platforms/kuai/disable"))[1]["after"] == {"is_disabled": True}
    assert (await olga.run_command("/platforms/kuai/disable"))[1]["state"] == "unchanged"
    body = served.delivery_body([like("ben")])
    headers = served.sign_headers("msg_x", body)
    answers = [await served.post(body.encode(), headers, platform=name) for name in ("kuai", "nobody", "kuai")]
    assert {(answer.status, answer.body) for answer in answers} == {(401, answers[1].body)}
    assert await served.service.pool.fetchval("SELECT count(*) FROM likes") == 1
    await olga.run_command("/platforms/kuai/enable")
    assert (await served.post(body.encode(), headers)).outcomes == {"counted": 1}


async def test_what_was_used_is_written_down_when_the_service_ends(dsn: str, owner: asyncpg.Connection):
    async with running_service(dsn) as own:
        await own.send([like("ann")])
        assert await owner.fetchval("SELECT max(last_used_at) FROM platform_keys") is None
    assert await owner.fetchval("SELECT max(last_used_at) FROM platform_keys") is not None


async def test_last_use_goes_only_forward_whoever_writes_it_down(served: RunningService):
    pool, now = served.service.pool, utc_now()
    key_id = await pool.fetchval("SELECT key_id FROM platform_keys")
    uses = [KeyUsage() for _ in range(6)]
    for hours, use in enumerate(uses):
        use.record_use([OLD._replace(key_id=key_id)], now + timedelta(hours=hours))
    await asyncio.gather(*(use.flush(pool) for use in reversed(uses)))
    assert await pool.fetchval("SELECT last_used_at FROM platform_keys") == now + timedelta(hours=5)


async def test_what_could_not_be_written_down_is_next_time(served: RunningService, dsn: str):
    pool, now, use = served.service.pool, utc_now(), KeyUsage()
    use.record_use([OLD._replace(key_id=await pool.fetchval("SELECT key_id FROM platform_keys"))], now)
    gone = await asyncpg.create_pool(dsn, min_size=0, max_size=1)
    await gone.close()
    with pytest.raises(asyncpg.InterfaceError):
        await use.flush(gone)
    await use.flush(pool)
    assert await pool.fetchval("SELECT last_used_at FROM platform_keys") == now


def test_of_each_scheme_the_newest_key_that_fits_was_needed():
    use, now = KeyUsage(), utc_now()
    use.record_use([OWN, NEW, OLD], now)
    assert use._last_used_at == {3: now, 2: now}
