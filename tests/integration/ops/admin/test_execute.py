"""The administration's door and desk: who may, once for each key, dry runs, and a second pair of eyes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clerks import FOREST, AdminClient, create_tokens, promise_json
from serving import RunningService, running_service


@pytest.fixture
async def served(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as own:
        await create_tokens(own.service.pool)
        yield own


async def _rows(served: RunningService, text: str) -> list[Any]:
    return [tuple(row) for row in await served.service.pool.fetch(text)]


async def _created(served: RunningService) -> None:
    status, answer = await AdminClient(served, "cat").run_command("/campaigns", promise_json(FOREST))
    assert (status, answer["state"], answer["waits_for"]) == (202, "pending", "a new promise")
    status, answer = await AdminClient(served, "carl").approve(answer["proposal"])
    assert (status, answer["state"]) == (200, "done")


async def test_a_promise_waits_for_a_second_person_and_then_runs(served: RunningService):
    await _created(served)
    assert (await served.get("/v1/campaigns/forest")).status in (200, 404)  # the public snapshot is half a second old
    told = await _rows(served, "SELECT by, command, subject, proposal_id IS NULL FROM audit_log ORDER BY audit_id")
    assert [row[:2] for row in told] == [
        ("cat", "proposal.ask"),
        ("cat", "campaign.create"),
        ("carl", "proposal.approve"),
    ]
    assert await _rows(served, "SELECT count(*) FROM campaigns WHERE slug = 'forest'") == [(1,)]


async def test_nobody_approves_their_own_request(served: RunningService):
    _, answer = await AdminClient(served, "cat").run_command("/campaigns", promise_json(FOREST))
    status, refused = await AdminClient(served, "cat").approve(answer["proposal"])
    assert status == 409
    assert "another person has to decide" in refused["detail"]
    assert await _rows(served, "SELECT count(*) FROM campaigns WHERE slug = 'forest'") == [(0,)]


async def test_the_same_key_gives_the_same_answer_and_does_nothing_again(served: RunningService):
    fay = AdminClient(served, "fay")
    asked = {"amount_minor": 100, "reference": "second"}
    first = await fay.run_command("/campaigns/rural-education/funding", asked, key="one")
    assert first[0] == 202
    assert await fay.run_command("/campaigns/rural-education/funding", asked, key="one") == first
    assert await _rows(served, "SELECT count(*) FROM proposals") == [(1,)]
    status, refused = await fay.run_command(
        "/campaigns/rural-education/funding", {**asked, "amount_minor": 101}, key="one"
    )
    assert (status, refused["type"]) == (409, "urn:like-ledger:problem:key-taken")
    status, _ = await AdminClient(served, "fred").run_command("/campaigns/rural-education/funding", asked, key="one")
    assert status == 202, "another person's key is another key"


async def test_a_dry_run_answers_the_same_and_changes_nothing(served: RunningService):
    tables = ("proposals", "audit_log", "idempotency_keys", "transfers", "leaf_queue", "campaigns")
    count = " + ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    before = await _rows(served, f"SELECT {count}")
    status, tried = await AdminClient(served, "cat").run_command("/campaigns", promise_json(FOREST), dry_run="true")
    assert (status, tried["dry_run"], tried["state"], tried["proposal"]) == (202, True, "pending", None)
    assert await _rows(served, f"SELECT {count}") == before
    _, real = await AdminClient(served, "cat").run_command("/campaigns", promise_json(FOREST))
    assert real == {**tried, "dry_run": False, "proposal": real["proposal"], "audit": real["audit"]}


async def test_what_changed_meanwhile_voids_an_approval(served: RunningService):
    fay, fred, olga = (AdminClient(served, name) for name in ("fay", "fred", "olga"))
    path = "/campaigns/rural-education/funding"
    _, one = await fay.run_command(path, {"amount_minor": 100, "reference": "second"})
    _, two = await fred.run_command(path, {"amount_minor": 200, "reference": "third"})
    assert (await olga.approve(one["proposal"]))[0] == 200
    status, refused = await olga.approve(two["proposal"])
    assert status == 409
    assert "another thing by now" in refused["detail"]
    assert await _rows(served, "SELECT sum(amount_minor)::bigint FROM transfers WHERE step = 'fund'") == [(700_100,)]


async def test_of_two_who_approve_at_once_one_does_it(served: RunningService):
    _, answer = await AdminClient(served, "cat").run_command("/campaigns", promise_json(FOREST))
    others = [AdminClient(served, name) for name in ("carl", "fay", "fred", "olga")]
    done = await asyncio.gather(*(other.approve(answer["proposal"]) for other in others))
    assert sorted(status for status, _ in done) == [200, 409, 409, 409]
    assert await _rows(served, "SELECT count(*) FROM campaigns WHERE slug = 'forest'") == [(1,)]


async def test_the_last_owner_cannot_be_removed(served: RunningService):
    olga, otto = AdminClient(served, "olga"), AdminClient(served, "otto")
    both = await asyncio.gather(olga.run_command("/tokens/otto/revoke"), otto.run_command("/tokens/olga/revoke"))
    assert min(status for status, _ in both) == 200
    owners = await _rows(served, "SELECT name FROM tokens WHERE role = 'owner' AND revoked_at IS NULL")
    assert len(owners) == 1
    status, refused = await AdminClient(served, owners[0][0]).run_command(f"/tokens/{owners[0][0]}/revoke")
    assert status == 409
    assert "last owner" in refused["detail"]


async def test_a_token_is_shown_once(served: RunningService):
    olga = AdminClient(served, "olga")
    asked = {"name": "new", "role": "finance"}
    _, first = await olga.run_command("/tokens", asked, key="new")
    assert first["secret"].startswith("llt_")
    _, again = await olga.run_command("/tokens", asked, key="new")
    assert again == {key: value for key, value in first.items() if key != "secret"}
    kept = await _rows(served, "SELECT response FROM idempotency_keys UNION ALL SELECT after::bytea FROM audit_log")
    assert all(first["secret"].encode() not in row[0] for row in kept if row[0])


async def test_whoever_fails_too_often_has_to_wait(served: RunningService):
    headers = {"Authorization": "Bearer nobody's"}
    answers = []
    for _ in range(12):
        async with served.http.get(f"{served.url}/v1/admin/proposals", headers=headers) as answer:
            answers.append((answer.status, answer.headers.get("Retry-After")))
    assert answers == [(401, None)] * 10 + [(429, "60")] * 2


async def test_a_key_in_quotes_is_the_same_key_and_one_that_no_header_holds_is_none(served: RunningService):
    fay, asked = AdminClient(served, "fay"), {"amount_minor": 100, "reference": "second"}
    path = "/campaigns/rural-education/funding"
    first = await fay.run_command(path, asked, key="one two")
    assert first[0] == 202
    assert await fay.run_command(path, asked, key='"one two"') == first
    assert (await fay.run_command(path, asked, key='"'))[0] == 202, "one alone is a key as any other"
    for wrong in (" ", "é", "x" * 201):
        status, refused = await fay.run_command(path, asked, key=wrong)
        assert (status, refused["type"]) == (400, "urn:like-ledger:problem:no-key"), wrong


async def test_a_parameter_that_is_given_twice_is_refused(served: RunningService):
    url = f"{served.url}/v1/admin/sponsors?dry_run=true&dry_run=false"
    headers = {"Authorization": "Bearer token-of-cat", "Idempotency-Key": "k"}
    async with served.http.post(url, json={"name": "Somebody"}, headers=headers) as answer:
        assert (answer.status, (await answer.json(content_type=None))["type"][-17:]) == (400, "unknown-parameter")
    assert await _rows(served, "SELECT count(*) FROM sponsors WHERE name = 'Somebody'") == [(0,)]


async def test_a_page_of_a_list_goes_on_where_the_last_one_ended(served: RunningService):
    fay, al = AdminClient(served, "fay"), AdminClient(served, "al")
    path = "/campaigns/rural-education/funding"
    for number in range(5):
        await fay.run_command(path, {"amount_minor": 1 + number, "reference": f"number {number}"})
    await AdminClient(served, "fred").run_command(path, {"amount_minor": 1, "reference": "another's"})
    _, page = await al.read("/audit", by="fay", limit="2")
    seen = [row["audit"] for row in page["audit"]]
    while page["next"]:
        _, page = await al.read("/audit", cursor=page["next"], limit="2")
        seen += [row["audit"] for row in page["audit"]]
    own = await _rows(served, "SELECT audit_id FROM audit_log WHERE by = 'fay' ORDER BY audit_id DESC")
    assert seen == [row[0] for row in own]
    for wrong in ({"colour": "red"}, {"cursor": "eh"}, {"limit": "0"}, {"since": "yesterday"}):
        status, refused = await al.read("/audit", **wrong)
        assert (status, [f["path"] for f in refused["faults"]]) == (422, list(wrong))
