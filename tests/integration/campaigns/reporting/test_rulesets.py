"""Rules in public: the salted hash at once, as the log has it; file and salt 90 days after the close."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest

from campaigns.authenticity.ruleset import default_file
from campaigns.pledging import budget
from campaigns.reporting.rulesets import read_published_rulesets
from promises import NOW, SLUG
from running_service import SLUG as SERVED_SLUG
from running_service import RunningService, promise, running_service
from settlements import create_campaign
from sql import Pool

STANDARD = ('rules = "none"', 'rules = "standard"')


@pytest.mark.parametrize(("days", "is_open"), [(None, False), (0, False), (89, False), (90, True), (400, True)])
async def test_file_and_salt_follow_90_days_after_the_close(pool: Pool, days: int | None, is_open: bool):
    campaign = await create_campaign(pool, STANDARD)
    async with pool.acquire() as conn, conn.transaction():
        if days is not None:
            await budget.close_campaign(conn, campaign, NOW)
        published = await read_published_rulesets(conn, SLUG, NOW + timedelta(days=days or 0))
        logged = await conn.fetchval("SELECT body FROM leaf_queue WHERE kind = 'ruleset'")
        assert await read_published_rulesets(conn, "nobody", NOW) is None
    assert published is not None
    [version] = published["rulesets"]
    assert version["sha256"] == json.loads(logged)["sha256"]
    assert (version["file"] is not None, version["salt"] is not None) == (is_open, is_open)
    if version["file"] is not None and version["salt"] is not None:
        assert version["file"].encode() == default_file()
        assert sha256(version["file"].encode() + version["salt"].encode()).hexdigest() == version["sha256"]


async def test_the_public_reads_the_versions(dsn: str):
    async with running_service(dsn, promise(rules="standard")) as service:
        answer = (await service.get(f"/v1/campaigns/{SERVED_SLUG}/rulesets")).json
        assert [(row["version"], row["file"], row["salt"]) for row in answer["rulesets"]] == [(1, None, None)]
        assert set(answer["rulesets"][0]["reason"]) == {"zh", "en"}
        assert (await service.get("/v1/campaigns/nobody/rulesets")).status == 404
        assert await is_public(service)


async def is_public(service: RunningService) -> bool:
    response = await service.get(f"/v1/campaigns/{SERVED_SLUG}/rulesets", Origin="https://example.org")
    return response.headers.get("Access-Control-Allow-Origin") == "*"
