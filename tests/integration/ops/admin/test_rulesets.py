"""Rules of a campaign through the API: who applies them, what takes two people, what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from admin_client import AdminClient, create_tokens
from campaigns.authenticity.ruleset import default_file
from running_service import SLUG, RunningService, like, promise, running_service

pytestmark = pytest.mark.one_server
LIVE = default_file().decode()
SHADOW = LIVE.replace('mode = "live"', 'mode = "shadow"')
RULE = "[[rules]]" + LIVE.split("[[rules]]")[1]
KIND = next(line for line in RULE.splitlines() if line.startswith("id = ")).partition(" = ")[2]
OBSERVED = RULE.replace(f"id = {KIND}", f'id = "another"\nkind = {KIND}').replace('mode = "live"', 'mode = "shadow"')


def version(number: int, file: str) -> str:
    """Return a file of rules with another version."""
    lines = file.splitlines()
    lines[next(n for n, line in enumerate(lines) if line.startswith("version"))] = f"version = {number}"
    return "\n".join(lines) + "\n"


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, promise(rules="standard"), judge_seconds=3600) as running:
        await create_tokens(running.service.pool)
        yield running


async def apply(server: RunningService, file: str, person: str = "rita", **query: str) -> tuple[int, Any]:
    body = {"campaign": SLUG, "file": file}
    return await AdminClient(server, person).run_command("/review/rules", body, f"{person} {hash(file)}", **query)


async def stored_versions(server: RunningService) -> list[int]:
    return [r["version"] for r in await server.service.pool.fetch("SELECT version FROM rulesets ORDER BY version")]


async def test_rules_that_only_observe_need_one_person(server: RunningService):
    status, response = await apply(server, version(7, LIVE + OBSERVED))
    assert (status, response.get("state"), response.get("approval_reason")) == (200, "done", None), response
    _, listed = await AdminClient(server, "al").read(f"/review/rules/{SLUG}")
    assert [(row["version"], row["applied_by"]) for row in listed["versions"]] == [(7, "rita"), (1, "shipped")]
    assert listed["versions"][0]["file"] == version(7, LIVE + OBSERVED)
    status, response = await apply(server, version(7, LIVE + OBSERVED), "olga")
    assert (status, response["state"]) == (200, "unchanged"), response


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (LIVE + OBSERVED.replace('mode = "shadow"', 'mode = "live"'), "a rule becomes live"),
        (SHADOW, "live rules may hold fewer likes"),
    ],
)
async def test_live_and_looser_rules_need_two_people(server: RunningService, file: str, reason: str):
    status, response = await apply(server, version(7, file))
    assert (status, response.get("approval_reason")) == (202, reason), response
    assert await stored_versions(server) == [1]
    olga = AdminClient(server, "olga")
    _, proposal = await olga.read(f"/proposals/{response['proposal']}")
    status, approved = await olga.run_command(
        f"/proposals/{response['proposal']}/approve", {"hash": proposal["hash"]}, "approve"
    )
    assert status == 200, approved
    assert await stored_versions(server) == [1, 7]


async def test_a_dry_run_stores_nothing(server: RunningService):
    status, response = await apply(server, version(7, LIVE), dry_run="true")
    assert (status, response["dry_run"], response["details"]["version"]) == (200, True, 7), response
    assert await stored_versions(server) == [1]


async def test_a_wrong_file_is_refused_with_each_path(server: RunningService):
    status, response = await apply(server, "[ruleset]\nversion = 0\n")
    assert status == 422, response
    assert {"ruleset.version", "ruleset.reason", "rules"} <= {error["path"] for error in response["faults"]}


async def test_a_version_does_not_fall(server: RunningService):
    await apply(server, version(7, LIVE))
    status, response = await apply(server, version(6, LIVE))
    assert (
        status,
        [error["path"] for error in response["faults"]],
    ) == (422, ["ruleset.version"]), response


async def test_likes_of_unsettled_days_are_judged_again(server: RunningService):
    await server.send([like("ann")])
    await server.service.pool.execute("UPDATE observations SET judged_at = clock_timestamp()")
    await apply(server, version(7, LIVE))
    assert await server.service.pool.fetchval("SELECT bool_and(judged_at IS NULL) FROM observations")


async def test_a_promise_without_rules_gets_none(dsn: str):
    async with running_service(dsn, promise(), judge_seconds=3600) as running:
        await create_tokens(running.service.pool)
        status, response = await apply(running, LIVE)
        assert status == 422, response
        assert await stored_versions(running) == []
