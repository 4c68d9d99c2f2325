"""Commands: roles, idempotency keys, dry runs, and approval by a second person."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from admin_client import FOREST, AdminClient, create_tokens, promise_json
from running_service import RunningService, running_service
from sql import Connection


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as server:
        await create_tokens(server.service.pool)
        yield server


async def _rows(server: RunningService, text: str) -> list[Any]:
    return [tuple(row) for row in await server.service.pool.fetch(text)]


async def _create(server: RunningService) -> None:
    status, response = await AdminClient(server, "cat").run_command("/campaigns", promise_json(FOREST))
    assert (status, response["state"], response["approval_reason"]) == (202, "pending", "a new promise")
    status, response = await AdminClient(server, "carl").approve(response["proposal"])
    assert (status, response["state"]) == (200, "done")


async def test_a_promise_needs_a_second_person_and_then_runs(server: RunningService):
    await _create(server)
    assert (await server.get("/v1/campaigns/forest")).status in (200, 404)  # the public snapshot is half a second old
    entries = await _rows(server, "SELECT by, command, subject, proposal_id IS NULL FROM audit_log ORDER BY audit_id")
    assert [row[:2] for row in entries] == [
        ("cat", "proposal.create"),
        ("cat", "campaign.create"),
        ("carl", "proposal.approve"),
    ]
    assert await _rows(server, "SELECT count(*) FROM campaigns WHERE slug = 'forest'") == [(1,)]


async def test_nobody_approves_their_own_proposal(server: RunningService):
    _, response = await AdminClient(server, "cat").run_command("/campaigns", promise_json(FOREST))
    status, problem = await AdminClient(server, "cat").approve(response["proposal"])
    assert (status, problem["code"]) == (409, "proposal_by_same_person")
    assert await _rows(server, "SELECT count(*) FROM campaigns WHERE slug = 'forest'") == [(0,)]


async def test_a_repeated_key_returns_the_stored_response(server: RunningService):
    fay = AdminClient(server, "fay")
    body = {"amount_minor": 100, "reference": "second"}
    first = await fay.run_command("/campaigns/rural-education/funding", body, key="one")
    assert first[0] == 202
    assert await fay.run_command("/campaigns/rural-education/funding", body, key="one") == first
    assert await _rows(server, "SELECT count(*) FROM proposals") == [(1,)]
    status, problem = await fay.run_command(
        "/campaigns/rural-education/funding", {**body, "amount_minor": 101}, key="one"
    )
    assert (status, problem["code"]) == (409, "idempotency_key_reused")
    status, _ = await AdminClient(server, "fred").run_command("/campaigns/rural-education/funding", body, key="one")
    assert status == 202, "another person's key is another key"


@pytest.mark.parametrize(("races", "status"), [(2, 202), (3, 503)])
async def test_a_lost_race_is_repeated_twice(server: RunningService, owner: Connection, races: int, status: int):
    await owner.execute("CREATE SEQUENCE attempts; GRANT ALL ON attempts TO public")
    await owner.execute(
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('attempts') <= {races} THEN RAISE 'lost' USING ERRCODE = '40001'; END IF; RETURN new; END $$"
    )
    await owner.execute("CREATE TRIGGER loses BEFORE INSERT ON proposals FOR EACH ROW EXECUTE FUNCTION lose()")
    body = {"amount_minor": 100, "reference": "second"}
    response = await AdminClient(server, "fay").run_command("/campaigns/rural-education/funding", body)
    assert (response[0], await _rows(server, "SELECT count(*) FROM proposals")) == (status, [(int(status == 202),)])


async def test_a_dry_run_returns_the_same_and_changes_nothing(server: RunningService):
    tables = ("proposals", "audit_log", "idempotency_keys", "transfers", "leaf_queue", "campaigns")
    count = " + ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    before = await _rows(server, f"SELECT {count}")
    status, dry_run_response = await AdminClient(server, "cat").run_command(
        "/campaigns", promise_json(FOREST), dry_run="true"
    )
    assert (status, dry_run_response["dry_run"], dry_run_response["state"], dry_run_response["proposal"]) == (
        202,
        True,
        "pending",
        None,
    )
    assert await _rows(server, f"SELECT {count}") == before
    _, real_response = await AdminClient(server, "cat").run_command("/campaigns", promise_json(FOREST))
    assert real_response == {
        **dry_run_response,
        "dry_run": False,
        "proposal": real_response["proposal"],
        "audit": real_response["audit"],
    }


async def test_a_changed_outcome_voids_an_approval(server: RunningService):
    fay, fred, olga = (AdminClient(server, name) for name in ("fay", "fred", "olga"))
    path = "/campaigns/rural-education/funding"
    _, first = await fay.run_command(path, {"amount_minor": 100, "reference": "second"})
    _, second = await fred.run_command(path, {"amount_minor": 200, "reference": "third"})
    assert (await olga.approve(first["proposal"]))[0] == 200
    status, problem = await olga.approve(second["proposal"])
    assert (status, problem["code"]) == (409, "proposal_outcome_changed")
    assert await _rows(server, "SELECT sum(amount_minor)::bigint FROM transfers WHERE step = 'fund'") == [(700_100,)]


async def test_of_simultaneous_approvals_one_succeeds(server: RunningService):
    _, response = await AdminClient(server, "cat").run_command("/campaigns", promise_json(FOREST))
    others = [AdminClient(server, name) for name in ("carl", "fay", "fred", "olga")]
    done = await asyncio.gather(*(other.approve(response["proposal"]) for other in others))
    assert sorted(status for status, _ in done) == [200, 409, 409, 409]
    assert await _rows(server, "SELECT count(*) FROM campaigns WHERE slug = 'forest'") == [(1,)]


async def test_the_last_owner_cannot_be_removed(server: RunningService):
    olga, otto = AdminClient(server, "olga"), AdminClient(server, "otto")
    both = await asyncio.gather(olga.run_command("/tokens/otto/revoke"), otto.run_command("/tokens/olga/revoke"))
    assert min(status for status, _ in both) == 200
    owners = await _rows(server, "SELECT name FROM tokens WHERE role = 'owner' AND revoked_at IS NULL")
    assert len(owners) == 1
    status, problem = await AdminClient(server, owners[0][0]).run_command(f"/tokens/{owners[0][0]}/revoke")
    assert (status, problem["code"]) == (409, "last_owner")


async def test_no_owner_is_created_over_http(server: RunningService):
    status, problem = await AdminClient(server, "olga").run_command("/tokens", {"name": "eve", "role": "owner"})
    assert (status, problem["code"]) == (403, "owner_needs_operator")
    assert await _rows(server, "SELECT FROM tokens WHERE name = 'eve'") == []


async def test_a_token_is_shown_once(server: RunningService):
    olga = AdminClient(server, "olga")
    body = {"name": "new", "role": "finance"}
    _, first = await olga.run_command("/tokens", body, key="new")
    assert first["secret"].startswith("llt_")
    _, repeated = await olga.run_command("/tokens", body, key="new")
    assert repeated == {key: value for key, value in first.items() if key != "secret"}
    stored = await _rows(server, "SELECT response FROM idempotency_keys UNION ALL SELECT after::bytea FROM audit_log")
    assert all(first["secret"].encode() not in row[0] for row in stored if row[0])


async def test_too_many_failures_are_rate_limited(server: RunningService):
    headers = {"Authorization": "Bearer nobody's"}
    responses = []
    for _ in range(12):
        async with server.http.get(f"{server.url}/v1/admin/proposals", headers=headers) as response:
            responses.append((response.status, response.headers.get("Retry-After")))
    assert responses == [(401, None)] * 10 + [(429, "60")] * 2


async def test_a_key_in_quotes_is_the_same_key_and_an_unprintable_one_is_refused(server: RunningService):
    fay, body = AdminClient(server, "fay"), {"amount_minor": 100, "reference": "second"}
    path = "/campaigns/rural-education/funding"
    first = await fay.run_command(path, body, key="one two")
    assert first[0] == 202
    assert await fay.run_command(path, body, key='"one two"') == first
    assert (await fay.run_command(path, body, key='"'))[0] == 202, "a single quote is a valid key"
    for key in (" ", "é", "x" * 201):
        status, problem = await fay.run_command(path, body, key=key)
        assert (status, problem["code"]) == (400, "idempotency_key_required"), key


async def test_a_repeated_parameter_is_refused(server: RunningService):
    url = f"{server.url}/v1/admin/sponsors?dry_run=true&dry_run=false"
    headers = {"Authorization": "Bearer token-of-cat", "Idempotency-Key": "k"}
    async with server.http.post(url, json={"name": "Somebody"}, headers=headers) as response:
        assert (response.status, (await response.json(content_type=None))["code"]) == (400, "unknown_parameter")
    assert await _rows(server, "SELECT count(*) FROM sponsors WHERE name = 'Somebody'") == [(0,)]


async def test_a_page_continues_after_the_last_row(server: RunningService):
    fay, al = AdminClient(server, "fay"), AdminClient(server, "al")
    path = "/campaigns/rural-education/funding"
    for number in range(5):
        await fay.run_command(path, {"amount_minor": 1 + number, "reference": f"number {number}"})
    await AdminClient(server, "fred").run_command(path, {"amount_minor": 1, "reference": "another's"})
    _, page = await al.read("/audit", by="fay", limit="2")
    seen = [row["audit"] for row in page["audit"]]
    while page["next"]:
        _, page = await al.read("/audit", cursor=page["next"], limit="2")
        seen += [row["audit"] for row in page["audit"]]
    rows = await _rows(server, "SELECT audit_id FROM audit_log WHERE by = 'fay' ORDER BY audit_id DESC")
    assert seen == [row[0] for row in rows]
    for parameters in ({"colour": "red"}, {"cursor": "eh"}, {"limit": "0"}, {"since": "yesterday"}):
        status, problem = await al.read("/audit", **parameters)
        assert (status, [f["path"] for f in problem["faults"]]) == (422, list(parameters))
