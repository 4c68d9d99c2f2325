"""Charities and sponsors: their names in promises, and approved changes of bank accounts."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from admin_client import FOREST, AdminClient, create_tokens, promise_json
from campaigns.promise.model import Promise
from ops.admin import registry
from ops.admin.resources import proposals
from ops.clock import utc_now
from running_service import RunningService, create_funded_campaign, promise, running_service

DAY = timedelta(days=1)
ACCOUNT = {"scheme": "other", "id": "6222020200112233999"}
PATH = "/charities/village-schools/account"
VILLAGE, ACCOUNT_OF = "village-schools", "SELECT account ->> 'id' FROM charities WHERE charity = 'village-schools'"
FAULTS = {
    "another account": (
        "beneficiaries",
        {"account": ACCOUNT},
        "terms.beneficiaries.0.account",
        "beneficiary_account_differs",
    ),
    "disabled": ("beneficiaries", {}, "terms.beneficiaries.0.charity", "beneficiary_disabled"),
}


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        await create_tokens(running.service.pool)
        yield running


async def fetch_value(server: RunningService, text: str) -> Any:
    return await server.service.pool.fetchval(text)


async def execute_due(server: RunningService, now: datetime) -> int:
    return await proposals.execute_due(server.service.command_services, registry.find_command, now)


def running_promise(slug: str) -> Promise:
    """Return the promise of a running campaign, whose new terms start tomorrow."""
    now = utc_now()
    return promise({"slug": slug, "starts_at": now - 2 * DAY, "ends_at": now + 9 * DAY})


async def approve_account_change(server: RunningService) -> str:
    """Propose and approve another account; return the proposal's id."""
    status, response = await AdminClient(server, "fay").run_command(PATH, {"account": ACCOUNT})
    assert (status, response["approval_reason"]) == (202, "another bank account")
    status, approval = await AdminClient(server, "fred").approve(response["proposal"])
    assert (status, approval["after"]["state"]) == (200, "approved")
    return str(response["proposal"])


async def proposal_state(server: RunningService, proposal: str) -> tuple[str, Any]:
    _, listed = await AdminClient(server, "al").read("/proposals")
    [proposal_view] = [row for row in listed["proposals"] if row["proposal"] == proposal]
    return proposal_view["state"], proposal_view["failure"]


async def test_an_account_changes_a_day_after_two_people_agreed_in_every_open_campaign(server: RunningService):
    await create_funded_campaign(server.service.pool, running_promise("now"))
    proposal = await approve_account_change(server)
    assert await execute_due(server, utc_now() + timedelta(hours=23)) == 0
    assert await fetch_value(server, ACCOUNT_OF) == "6222020200112233445"
    assert await execute_due(server, utc_now() + timedelta(hours=25)) == 1
    assert await fetch_value(server, ACCOUNT_OF) == ACCOUNT["id"]
    rows = await server.service.pool.fetch(
        """SELECT slug, from_day::text, t.promise LIKE '%6222020200112233999%' AS is_other FROM terms t
        JOIN campaigns USING (campaign_id) WHERE version = 2 ORDER BY slug"""
    )
    assert [(row["slug"], row["is_other"]) for row in rows] == [("now", True), ("rural-education", True)]
    assert rows[1]["from_day"] == "2022-04-22", "it has ended: the terms start after its last day"
    assert await fetch_value(server, "SELECT count(*) FROM leaf_queue WHERE subject LIKE 'terms/%/2'") == 2
    assert (await proposal_state(server, proposal))[0] == "done"
    by = await fetch_value(server, "SELECT by || ' ' || entry_point FROM audit_log WHERE command = 'charity.account'")
    assert by == "fay schedule"


async def test_an_approver_may_stop_it_during_the_hold(server: RunningService):
    proposal = await approve_account_change(server)
    status, _ = await AdminClient(server, "cat").run_command(f"/proposals/{proposal}/withdraw", {"reason": "no"})
    assert status == 403
    status, _ = await AdminClient(server, "olga").run_command(
        f"/proposals/{proposal}/withdraw", {"reason": "nobody rang them"}
    )
    assert status == 200
    assert await execute_due(server, utc_now() + 2 * DAY) == 0
    assert await fetch_value(server, ACCOUNT_OF) == "6222020200112233445"


async def test_a_command_that_is_refused_later_fails_with_its_code(server: RunningService):
    proposal = await approve_account_change(server)
    assert (await AdminClient(server, "cat").run_command("/charities/village-schools/disable"))[0] == 200
    assert await execute_due(server, utc_now() + 2 * DAY) == 1
    state, failure = await proposal_state(server, proposal)
    assert (state, failure["code"], failure["params"]) == ("failed", "charity_disabled", {"slug": VILLAGE})
    _, view = await AdminClient(server, "al").read(f"/proposals/{proposal}")
    assert "The charity village-schools is disabled." in view["decision_reason"]
    audited = await fetch_value(
        server, "SELECT after::json ->> 'failure' FROM audit_log WHERE command = 'proposal.execute'"
    )
    assert json.loads(audited) == failure
    assert await execute_due(server, utc_now() + 2 * DAY) == 0
    assert await fetch_value(server, "SELECT count(*) FROM terms WHERE version > 1") == 0


async def test_simultaneous_jobs_execute_it_once(server: RunningService):
    await approve_account_change(server)
    done = await asyncio.gather(*(execute_due(server, utc_now() + 2 * DAY) for _ in range(4)))
    assert sum(done) == 1
    assert await fetch_value(server, "SELECT count(*) FROM terms WHERE version > 1") == 1


async def test_an_interrupted_job_changes_nothing_and_the_next_one_executes_it(server: RunningService):
    await approve_account_change(server)
    async with server.service.pool.acquire() as conn, conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(72, 2)")
        with pytest.raises(TimeoutError):  # it waits for the catalogue lock, and its process ends there
            await asyncio.wait_for(execute_due(server, utc_now() + 2 * DAY), 0.3)
    assert await fetch_value(server, ACCOUNT_OF) == "6222020200112233445"
    assert await execute_due(server, utc_now() + 2 * DAY) == 1
    assert await fetch_value(server, ACCOUNT_OF) == ACCOUNT["id"]


async def test_the_second_change_of_an_account_fails(server: RunningService):
    first = await approve_account_change(server)
    _, other = await AdminClient(server, "fay").run_command(
        PATH, {"account": {**ACCOUNT, "id": "77777777"}}, key="other"
    )
    await AdminClient(server, "fred").approve(other["proposal"])
    assert await execute_due(server, utc_now() + 2 * DAY) == 2
    assert (await proposal_state(server, first))[0] == "done"
    assert (await proposal_state(server, other["proposal"]))[0] == "failed"


async def test_roles_that_may_change_an_account_and_a_change_without_effect(server: RunningService):
    for name in ("cat", "rita", "al"):
        assert (await AdminClient(server, name).run_command(PATH, {"account": ACCOUNT}))[0] == 403, name
    current_account = {"scheme": "other", "id": "6222020200112233445"}
    status, response = await AdminClient(server, "fay").run_command(PATH, {"account": current_account})
    assert (status, response["state"]) == (200, "unchanged")
    status, _ = await AdminClient(server, "fay").run_command("/charities/nobody/account", {"account": ACCOUNT})
    assert status == 404
    assert (await AdminClient(server, "fay").run_command("/charities/%00/account", {"account": ACCOUNT}))[0] == 404


@pytest.mark.parametrize(("part", "change", "path", "code"), FAULTS.values(), ids=FAULTS)
async def test_terms_must_name_a_charity_as_registered(
    server: RunningService, part: str, change: dict[str, Any], path: str, code: str
):
    cat = AdminClient(server, "cat")
    if not change:
        await cat.run_command("/charities/village-schools/disable")
    body = promise_json(FOREST)
    body["terms"][part][0] |= change
    status, problem = await cat.run_command("/campaigns", body)
    assert (status, [f["path"] for f in problem["faults"]]) == (422, [path])
    assert problem["faults"][0]["code"] == code
    if not change:
        await cat.run_command("/charities/village-schools/enable")
        assert (await cat.run_command("/campaigns", body))[0] == 202


async def test_promises_register_new_charities_and_sponsors(server: RunningService):
    _, charities = await AdminClient(server, "rita").read("/charities")
    assert [(c["charity"], c["account"]["id"]) for c in charities["charities"]] == [
        ("mobile-libraries", "…3446"),
        (VILLAGE, "…3445"),
    ]
    _, charities = await AdminClient(server, "fay").read("/charities")
    assert charities["charities"][0]["account"] == {"scheme": "other", "id": "6222020200112233446"}
    _, sponsors = await AdminClient(server, "al").read("/sponsors")
    assert [s["name"] for s in sponsors["sponsors"]] == ["Example Platform Foundation"]


async def test_a_charity_is_registered_once_and_renamed(server: RunningService):
    cat, carl = AdminClient(server, "cat"), AdminClient(server, "carl")
    body = {"charity": "new", "name": {"zh": "新", "en": "New"}, "account": ACCOUNT}
    _, dry_run_response = await cat.run_command("/charities", body, dry_run="true")
    assert dry_run_response["state"] == "done"
    done = await asyncio.gather(cat.run_command("/charities", body), carl.run_command("/charities", body))
    assert sorted(status for status, _ in done) == [200, 409]
    _, response = await cat.run_command("/charities/new/rename", {"name": {"zh": "新", "en": "Newer"}})
    assert [d["path"] for d in response["differences"]] == ["name.en"]


async def test_two_promises_at_once_cannot_register_two_accounts(server: RunningService):
    bodies = [promise({"slug": f"at-once-{n}"}).model_dump(mode="json", exclude_none=True) for n in range(2)]
    for n, body in enumerate(bodies):
        body["terms"]["beneficiaries"][0] |= {"charity": "new", "account": {**ACCOUNT, "id": f"1234567{n}"}}
    promises = [Promise.model_validate_json(json.dumps(body)) for body in bodies]
    done = await asyncio.gather(
        *(create_funded_campaign(server.service.pool, each_promise) for each_promise in promises),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in done) == ["NoneType", "PromiseRefused"]


async def test_a_sponsor_keeps_its_former_names(server: RunningService):
    cat = AdminClient(server, "cat")
    _, listed = await cat.read("/sponsors")
    path = f"/sponsors/{listed['sponsors'][0]['sponsor']}"
    status, response = await cat.run_command(f"{path}/rename", {"name": "Newer Foundation"})
    assert (status, response["after"]) == (200, {"name": "Newer Foundation"})
    assert (await cat.run_command("/sponsors", {"name": "Example Platform Foundation"}))[0] == 409
    status, problem = await cat.run_command("/campaigns", promise_json(FOREST))
    assert (status, problem["faults"][0]["path"]) == (422, "campaign.sponsor")
    assert problem["faults"][0]["params"] == {"name": "Newer Foundation"}
    renamed_sponsor = promise_json(promise({"slug": "forest", "sponsor": "Newer Foundation"}))
    assert (await cat.run_command("/campaigns", renamed_sponsor))[0] == 202
    assert (await cat.run_command(f"{path}/disable"))[0] == 200
    status, problem = await cat.run_command("/campaigns", renamed_sponsor)
    assert problem["faults"][0]["code"] == "sponsor_disabled"
    _, listed = await cat.read("/sponsors")
    assert [(s["name"], s["former_names"], s["is_disabled"]) for s in listed["sponsors"]] == [
        ("Newer Foundation", ["Example Platform Foundation"], True)
    ]


async def test_a_list_continues_after_its_cursor_and_refuses_a_forged_one(server: RunningService):
    al = AdminClient(server, "al")
    _, first = await al.read("/charities", limit="1")
    _, second = await al.read("/charities", cursor=first["next"])
    assert [c["charity"] for c in first["charities"] + second["charities"]] == ["mobile-libraries", VILLAGE]
    for cursor in ("W3t9LFs1XV0", "W3t9LFsiXHUwMDAwIl1d"):  # [{},[5]] and [{},["\u0000"]]
        assert (await al.read("/charities", cursor=cursor))[0] == 422
