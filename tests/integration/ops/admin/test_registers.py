"""Charities and sponsors: what promises may name, and another bank account by two people and a day."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns.promise.model import Promise
from clerks import FOREST, AdminClient, create_tokens, promise_json
from ops.admin import registry
from ops.admin.core.command import CommandServices
from ops.admin.resources import proposals
from ops.clock import utc_now
from serving import RunningService, create_funded_campaign, promise, running_service

DAY = timedelta(days=1)
ACCOUNT = {"scheme": "other", "id": "6222020200112233999"}
PATH = "/charities/village-schools/account"
VILLAGE, ACCOUNT_OF = "village-schools", "SELECT account ->> 'id' FROM charities WHERE charity = 'village-schools'"
FAULTS = {
    "another account": ("beneficiaries", {"account": ACCOUNT}, "terms.beneficiaries.0.account", "another account"),
    "disabled": ("beneficiaries", {}, "terms.beneficiaries.0.charity", "is disabled"),
}


@pytest.fixture
async def served(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as own:
        await create_tokens(own.service.pool)
        yield own


async def value(served: RunningService, text: str) -> Any:
    return await served.service.pool.fetchval(text)


async def done_by(served: RunningService, now: datetime) -> int:
    own = served.service
    return await proposals.execute_due(CommandServices(own.pool, own.keys, own.settings), registry.find_command, now)


def now_running(slug: str) -> Promise:
    """Return a promise that runs now, so that new terms hold from tomorrow."""
    now = utc_now()
    return promise({"slug": slug, "starts_at": now - 2 * DAY, "ends_at": now + 9 * DAY})


async def approved(served: RunningService) -> str:
    """Have another account asked for and approved; return the proposal."""
    status, asked = await AdminClient(served, "fay").run_command(PATH, {"account": ACCOUNT})
    assert (status, asked["waits_for"]) == (202, "another bank account")
    status, answer = await AdminClient(served, "fred").approve(asked["proposal"])
    assert (status, answer["after"]["state"]) == (200, "approved")
    return str(asked["proposal"])


async def state_of(served: RunningService, proposal: str) -> tuple[str, str | None]:
    _, listed = await AdminClient(served, "al").read("/proposals")
    [found] = [row for row in listed["proposals"] if row["proposal"] == proposal]
    return found["state"], found["said"]


async def test_an_account_changes_a_day_after_two_people_agreed_in_every_open_campaign(served: RunningService):
    await create_funded_campaign(served.service.pool, now_running("now"))
    proposal = await approved(served)
    assert await done_by(served, utc_now() + timedelta(hours=23)) == 0
    assert await value(served, ACCOUNT_OF) == "6222020200112233445"
    assert await done_by(served, utc_now() + timedelta(hours=25)) == 1
    assert await value(served, ACCOUNT_OF) == ACCOUNT["id"]
    rows = await served.service.pool.fetch(
        """SELECT slug, from_day::text, t.promise LIKE '%6222020200112233999%' AS is_other FROM terms t
        JOIN campaigns USING (campaign_id) WHERE version = 2 ORDER BY slug"""
    )
    assert [(row["slug"], row["is_other"]) for row in rows] == [("now", True), ("rural-education", True)]
    assert rows[1]["from_day"] == "2022-04-22", "it has ended: the terms hold from behind its last day"
    assert await value(served, "SELECT count(*) FROM leaf_queue WHERE subject LIKE 'terms/%/2'") == 2
    assert (await state_of(served, proposal))[0] == "done"
    by = await value(served, "SELECT by || ' ' || entry_point FROM audit_log WHERE command = 'charity.account'")
    assert by == "fay schedule"


async def test_who_could_have_refused_may_stop_it_meanwhile(served: RunningService):
    proposal = await approved(served)
    status, _ = await AdminClient(served, "cat").run_command(f"/proposals/{proposal}/withdraw", {"reason": "no"})
    assert status == 403
    status, _ = await AdminClient(served, "olga").run_command(
        f"/proposals/{proposal}/withdraw", {"reason": "nobody rang them"}
    )
    assert status == 200
    assert await done_by(served, utc_now() + 2 * DAY) == 0
    assert await value(served, ACCOUNT_OF) == "6222020200112233445"


async def test_what_cannot_be_done_any_more_fails_with_its_reason(served: RunningService):
    proposal = await approved(served)
    assert (await AdminClient(served, "cat").run_command("/charities/village-schools/disable"))[0] == 200
    assert await done_by(served, utc_now() + 2 * DAY) == 1
    state, said = await state_of(served, proposal)
    assert state == "failed"
    assert "is disabled" in (said or "")
    assert await done_by(served, utc_now() + 2 * DAY) == 0
    assert await value(served, "SELECT count(*) FROM terms WHERE version > 1") == 0


async def test_two_jobs_at_once_do_it_once(served: RunningService):
    await approved(served)
    done = await asyncio.gather(*(done_by(served, utc_now() + 2 * DAY) for _ in range(4)))
    assert sum(done) == 1
    assert await value(served, "SELECT count(*) FROM terms WHERE version > 1") == 1


async def test_a_job_that_was_cut_off_leaves_nothing_and_the_next_one_does_it(served: RunningService):
    await approved(served)
    async with served.service.pool.acquire() as conn, conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(72, 2)")
        with pytest.raises(TimeoutError):  # it waits for the catalogue, and its process ends there
            await asyncio.wait_for(done_by(served, utc_now() + 2 * DAY), 0.3)
    assert await value(served, ACCOUNT_OF) == "6222020200112233445"
    assert await done_by(served, utc_now() + 2 * DAY) == 1
    assert await value(served, ACCOUNT_OF) == ACCOUNT["id"]


async def test_of_two_changes_of_one_account_the_second_is_void(served: RunningService):
    first = await approved(served)
    _, other = await AdminClient(served, "fay").run_command(
        PATH, {"account": {**ACCOUNT, "id": "77777777"}}, key="other"
    )
    await AdminClient(served, "fred").approve(other["proposal"])
    assert await done_by(served, utc_now() + 2 * DAY) == 2
    assert (await state_of(served, first))[0] == "done"
    assert (await state_of(served, other["proposal"]))[0] == "failed"


async def test_who_may_ask_and_what_needs_nobody_else(served: RunningService):
    for name in ("cat", "rita", "al"):
        assert (await AdminClient(served, name).run_command(PATH, {"account": ACCOUNT}))[0] == 403, name
    known = {"scheme": "other", "id": "6222020200112233445"}
    status, answer = await AdminClient(served, "fay").run_command(PATH, {"account": known})
    assert (status, answer["state"]) == (200, "unchanged")
    status, _ = await AdminClient(served, "fay").run_command("/charities/nobody/account", {"account": ACCOUNT})
    assert status == 404
    assert (await AdminClient(served, "fay").run_command("/charities/%00/account", {"account": ACCOUNT}))[0] == 404


@pytest.mark.parametrize(("part", "changed", "path", "words"), FAULTS.values(), ids=FAULTS)
async def test_terms_name_a_charity_as_it_is_registered(
    served: RunningService, part: str, changed: dict[str, Any], path: str, words: str
):
    cat = AdminClient(served, "cat")
    if not changed:
        await cat.run_command("/charities/village-schools/disable")
    asked = promise_json(FOREST)
    asked["terms"][part][0] |= changed
    status, refused = await cat.run_command("/campaigns", asked)
    assert (status, [f["path"] for f in refused["faults"]]) == (422, [path])
    assert words in refused["faults"][0]["reason"]
    if not changed:
        await cat.run_command("/charities/village-schools/enable")
        assert (await cat.run_command("/campaigns", asked))[0] == 202


async def test_promises_register_whom_they_name_first(served: RunningService):
    _, charities = await AdminClient(served, "rita").read("/charities")
    assert [(c["charity"], c["account"]["id"]) for c in charities["charities"]] == [
        ("mobile-libraries", "…3446"),
        (VILLAGE, "…3445"),
    ]
    _, charities = await AdminClient(served, "fay").read("/charities")
    assert charities["charities"][0]["account"] == {"scheme": "other", "id": "6222020200112233446"}
    _, sponsors = await AdminClient(served, "al").read("/sponsors")
    assert [s["name"] for s in sponsors["sponsors"]] == ["Example Platform Foundation"]


async def test_a_charity_is_registered_once_and_called_something_else(served: RunningService):
    cat, carl = AdminClient(served, "cat"), AdminClient(served, "carl")
    asked = {"charity": "new", "name": {"zh": "新", "en": "New"}, "account": ACCOUNT}
    _, tried = await cat.run_command("/charities", asked, dry_run="true")
    assert tried["state"] == "done"
    done = await asyncio.gather(cat.run_command("/charities", asked), carl.run_command("/charities", asked))
    assert sorted(status for status, _ in done) == [200, 409]
    _, answer = await cat.run_command("/charities/new/change", {"name": {"zh": "新", "en": "Newer"}})
    assert [d["path"] for d in answer["differences"]] == ["name.en"]


async def test_two_promises_at_once_cannot_register_two_accounts(served: RunningService):
    asked = [promise({"slug": f"at-once-{n}"}).model_dump(mode="json", exclude_none=True) for n in range(2)]
    for n, own in enumerate(asked):
        own["terms"]["beneficiaries"][0] |= {"charity": "new", "account": {**ACCOUNT, "id": f"1234567{n}"}}
    made = [Promise.model_validate_json(json.dumps(own)) for own in asked]
    done = await asyncio.gather(
        *(create_funded_campaign(served.service.pool, own) for own in made), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["NoneType", "PromiseRefused"]


async def test_a_sponsor_keeps_the_names_that_it_had(served: RunningService):
    cat = AdminClient(served, "cat")
    _, listed = await cat.read("/sponsors")
    path = f"/sponsors/{listed['sponsors'][0]['sponsor']}"
    status, answer = await cat.run_command(f"{path}/change", {"name": "Newer Foundation"})
    assert (status, answer["after"]) == (200, {"name": "Newer Foundation"})
    assert (await cat.run_command("/sponsors", {"name": "Example Platform Foundation"}))[0] == 409
    status, refused = await cat.run_command("/campaigns", promise_json(FOREST))
    assert (status, refused["faults"][0]["path"]) == (422, "campaign.sponsor")
    assert "Newer Foundation now" in refused["faults"][0]["reason"]
    named = promise_json(promise({"slug": "forest", "sponsor": "Newer Foundation"}))
    assert (await cat.run_command("/campaigns", named))[0] == 202
    assert (await cat.run_command(f"{path}/disable"))[0] == 200
    status, refused = await cat.run_command("/campaigns", named)
    assert "is disabled" in refused["faults"][0]["reason"]
    _, listed = await cat.read("/sponsors")
    assert [(s["name"], s["former_names"], s["is_disabled"]) for s in listed["sponsors"]] == [
        ("Newer Foundation", ["Example Platform Foundation"], True)
    ]


async def test_a_list_goes_on_behind_its_cursor_and_refuses_what_is_none(served: RunningService):
    al = AdminClient(served, "al")
    _, first = await al.read("/charities", limit="1")
    _, second = await al.read("/charities", cursor=first["next"])
    assert [c["charity"] for c in first["charities"] + second["charities"]] == ["mobile-libraries", VILLAGE]
    for wrong in ("W3t9LFs1XV0", "W3t9LFsiXHUwMDAwIl1d"):  # [{},[5]] and [{},["\u0000"]]
        assert (await al.read("/charities", cursor=wrong))[0] == 422
