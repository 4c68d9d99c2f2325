"""Campaigns by the API: terms from a day, concurrent edits, lists, and paused content."""

import asyncio
import tomllib
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from admin_client import FOREST, AdminClient, create_tokens, promise_json
from campaigns.catalogue import apply_promise, cache
from campaigns.intake.admission import PAUSED_REASON
from ops.clock import utc_now
from running_service import (
    DAY,
    KEYS,
    PROMISE,
    SLUG,
    RunningService,
    create_funded_campaign,
    like,
    promise,
    running_service,
)

TODAY = utc_now().astimezone(FOREST.campaign.starts_at.tzinfo).date()
LAST = TODAY + timedelta(days=29)
RUNNING = promise(
    {
        "slug": "forest",
        "starts_at": FOREST.campaign.starts_at.replace(year=TODAY.year, month=TODAY.month, day=TODAY.day)
        - timedelta(days=30),
        "ends_at": FOREST.campaign.starts_at.replace(year=TODAY.year, month=TODAY.month, day=TODAY.day)
        + timedelta(days=30),
    }
)


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as server:
        await create_tokens(server.service.pool)
        await create_funded_campaign(server.service.pool, RUNNING)
        yield server


def terms(per_likes: int = 3, **members: Any) -> dict[str, Any]:
    """Return terms with another rate; a lower rate needs no approval."""
    current = tomllib.loads(PROMISE)["terms"]
    return {"terms": {**current, "rate": {"amount_minor": 1, "per_likes": per_likes}}, **members}


def day(ahead: int) -> str:
    return (TODAY + timedelta(days=ahead)).isoformat()


def first_day(now: datetime) -> str:
    """Return the first possible day of new terms: intake accepts no like of that day yet."""
    newest_like = (now + timedelta(minutes=5)).astimezone(FOREST.campaign.starts_at.tzinfo)
    return (newest_like.date() + timedelta(days=1)).isoformat()


async def campaign_detail(server: RunningService, slug: str = "forest") -> Any:
    status, campaign = await AdminClient(server, "al").read(f"/campaigns/{slug}")
    assert status == 200
    return campaign


async def test_terms_are_in_force_from_the_requested_day(server: RunningService):
    status, response = await AdminClient(server, "cat").run_command(
        "/campaigns/forest/terms", terms(4, from_day=day(9))
    )
    assert (status, response["state"], response["details"]) == (200, "done", {"terms_version": 2, "from_day": day(9)})
    assert {"path": "from_day", "before": day(-30), "after": day(9)} in response["differences"]
    campaign = await campaign_detail(server)
    assert [(t["version"], t["from_day"], t["in_force"]) for t in campaign["terms"]] == [
        (1, day(-30), True),
        (2, day(9), False),
    ]


async def test_without_a_requested_day_it_is_the_first_possible_one(server: RunningService):
    earliest = first_day(utc_now())
    status, response = await AdminClient(server, "cat").run_command("/campaigns/forest/terms", terms(4))
    assert (status, response["details"]["from_day"] in (earliest, first_day(utc_now()))) == (200, True)
    assert "from_day" not in response["after"], "it may be another day when a second person approves"


@pytest.mark.parametrize("ahead", [-1, 0, 30, 400])
async def test_an_impossible_day_is_refused_with_the_first_possible_one(server: RunningService, ahead: int):
    status, problem = await AdminClient(server, "cat").run_command(
        "/campaigns/forest/terms", terms(4, from_day=day(ahead))
    )
    [error] = problem["faults"]
    assert (status, error["path"], error["code"]) == (422, "from_day", "from_day_out_of_range")
    assert str(LAST) in error["params"].values()


async def test_no_terms_start_before_the_newest(server: RunningService):
    cat = AdminClient(server, "cat")
    await cat.run_command("/campaigns/forest/terms", terms(4, from_day=day(9)))
    for per_likes in (4, 5):
        status, problem = await cat.run_command("/campaigns/forest/terms", terms(per_likes, from_day=day(8)))
        assert (status, problem["faults"][0]["path"]) == (422, "from_day")
        assert day(9) in problem["faults"][0]["reason"]
    status, response = await cat.run_command("/campaigns/forest/terms", terms(4, from_day=day(12)))
    assert (status, response["state"]) == (200, "unchanged"), "they are in force by then"


async def test_an_approval_sets_the_terms_from_the_day_that_both_saw(server: RunningService):
    _, response = await AdminClient(server, "cat").run_command("/campaigns/forest/terms", terms(2, from_day=day(9)))
    assert (response["state"], response["approval_reason"]) == ("pending", "more for a like")
    [proposal] = (await campaign_detail(server))["proposals"]
    assert {"path": "from_day", "before": day(-30), "after": day(9)} in proposal["differences"]
    status, done = await AdminClient(server, "carl").approve(response["proposal"])
    assert (status, done["details"]) == (200, {"terms_version": 2, "from_day": day(9)})


async def first_day_when_rerun(server: RunningService, ahead: int | None, now: datetime) -> Any:
    """Return from which day a raised rate of today is in force if it runs again at `now`."""
    async with server.service.pool.acquire() as conn:
        campaign = (await cache.read_campaigns(conn, KEYS.pseudonym))["forest"]
    new_terms = promise(terms=terms(2)["terms"]).terms
    changed = apply_promise.current_promise(campaign).model_copy(update={"terms": new_terms})
    from_day = None if ahead is None else date.fromisoformat(day(ahead))
    return apply_promise.plan_promise(campaign, changed, now, from_day).from_day


async def test_run_again_on_a_later_day_terms_start_on_the_first_day_then_or_are_refused(server: RunningService):
    now = utc_now()
    later = now + timedelta(days=3)
    assert await first_day_when_rerun(server, None, later) - await first_day_when_rerun(
        server, None, now
    ) == timedelta(days=3)
    assert await first_day_when_rerun(server, 9, later) == date.fromisoformat(day(9))
    with pytest.raises(apply_promise.PromiseRefused, match="from_day: from_day_out_of_range"):
        await first_day_when_rerun(server, 2, later)


async def test_an_edit_of_an_older_version_is_refused(server: RunningService):
    cat, carl = AdminClient(server, "cat"), AdminClient(server, "carl")
    edits = (
        cat.run_command("/campaigns/forest/terms", terms(4, based_on=1)),
        carl.run_command("/campaigns/forest/terms", terms(5, based_on=1)),
    )
    done = sorted(await asyncio.gather(*edits), key=lambda response: response[0])
    assert [status for status, _ in done] == [200, 422]
    assert done[1][1]["faults"][0]["code"] == "terms_not_newest"
    assert len((await campaign_detail(server))["terms"]) == 2


async def test_every_campaign_is_listed_with_its_state_and_money(server: RunningService):
    auditor = AdminClient(server, "al")
    _, page = await auditor.read("/campaigns", limit="1")
    _, rest = await auditor.read("/campaigns", cursor=page["next"])
    rows = page["campaigns"] + rest["campaigns"]
    assert [(row["campaign"], row["state"]) for row in rows] == [("forest", "running"), (SLUG, "ended")]
    assert rows[0]["money"]["funded"] == {"minor": 700_000, "text": "7000.00"}
    assert rows[0]["newest_terms_version"] == 1
    _, ended = await auditor.read("/campaigns", state="ended")
    assert [row["campaign"] for row in ended["campaigns"]] == [SLUG]
    status, problem = await auditor.read("/campaigns", state="gone")
    assert (status, problem["faults"][0]["code"]) == (422, "filter_choice")
    assert problem["faults"][0]["params"]["choices"].endswith("running, ended, closed")
    assert (await auditor.read("/campaigns/nothing"))[0] == 404


async def test_a_campaign_is_shown_as_it_was_promised(server: RunningService):
    campaign = await campaign_detail(server)
    assert campaign["promise"] == promise_json(RUNNING)
    assert (campaign["content"], campaign["proposals"]) == ({"enrolled": 0, "paused": 0}, [])


async def _outcomes(server: RunningService, *likes: Any) -> list[Any]:
    response = await server.send(likes, results="all")
    return [(row["outcome"], row.get("reason")) for row in response.json["results"]]


async def test_paused_content_counts_no_like_until_it_is_resumed(server: RunningService):
    cat = AdminClient(server, "cat")
    assert await _outcomes(server, like("1", "a")) == [("counted", None)]
    status, response = await cat.run_command(f"/campaigns/{SLUG}/content/pause", {"contents": ["a"]})
    assert (status, response["after"]) == (200, {"unchanged": 0, "paused": 1, "contents": ["a"]})
    paused = [like("2", "a"), like("2", "b"), like("1", "a", "unlike", DAY + timedelta(hours=1))]
    outcomes = await _outcomes(server, *paused)
    assert outcomes[0] == ("not_running", PAUSED_REASON)
    assert [outcome for outcome, _ in outcomes] == ["not_running", "counted", "withdrawn"]
    _, changed = await cat.run_command(f"/campaigns/{SLUG}/content/pause", {"contents": ["a"]})
    assert changed["state"] == "unchanged"
    await cat.run_command(f"/campaigns/{SLUG}/content/resume", {"contents": ["a", "b"]})
    assert [outcome for outcome, _ in await _outcomes(server, like("2", "a"))] == ["counted"]
    assert await server.day_counts() == {"counted": 2, "withdrawn": 1}
    rows = await server.service.pool.fetch("SELECT outcome, likes FROM refusal_counts")
    assert [tuple(row) for row in rows] == [("not_running", 1)], "the waterfall includes it"


async def test_a_pause_is_of_one_campaign_and_outlives_a_removal(server: RunningService):
    cat = AdminClient(server, "cat")
    path = f"/campaigns/{SLUG}/content"
    assert (await cat.run_command("/campaigns/forest/content/enrol", {"contents": ["f"]}))[0] == 200
    status, problem = await cat.run_command(f"{path}/pause", {"contents": ["a", "f"]})
    assert (status, problem["code"]) == (409, "pause_content_enrolled_elsewhere")
    await cat.run_command(f"{path}/enrol", {"contents": ["a"]})
    await cat.run_command(f"{path}/pause", {"contents": ["a"]})
    await cat.run_command(f"{path}/remove", {"contents": ["a"]})
    assert (await campaign_detail(server, SLUG))["content"] == {"enrolled": 0, "paused": 1}
    await cat.run_command(f"{path}/enrol", {"contents": ["a"]})
    assert [outcome for outcome, _ in await _outcomes(server, like("1", "a"))] == ["not_running"]


async def test_content_that_is_not_registered_cannot_be_paused(server: RunningService):
    registered = promise({"slug": "listed", "content": "registered"})
    await create_funded_campaign(server.service.pool, registered)
    status, problem = await AdminClient(server, "cat").run_command(
        "/campaigns/listed/content/pause", {"contents": ["a"]}
    )
    assert (status, problem["code"]) == (409, "pause_content_not_enrolled")


async def test_content_is_listed_by_campaign_content_and_pause(server: RunningService):
    cat, auditor = AdminClient(server, "cat"), AdminClient(server, "al")
    await cat.run_command("/campaigns/forest/content/enrol", {"contents": ["b", "d", "a"]})
    await cat.run_command(f"/campaigns/{SLUG}/content/pause", {"contents": ["c", "e"]})
    await cat.run_command("/campaigns/forest/content/pause", {"contents": ["c", "b"]})
    seen, query = [], {"limit": "2"}
    while query:
        _, page = await auditor.read("/content", **query)
        seen += [(row["content"], row["campaign"]) for row in page["content"]]
        query = {"limit": "2", "cursor": page["next"]} if page["next"] else {}
    assert seen == [("a", "forest"), ("b", "forest"), ("c", "forest"), ("c", SLUG), ("d", "forest"), ("e", SLUG)]

    async def list_rows(**filters: str) -> list[tuple[str, bool, bool]]:
        _, page = await auditor.read("/content", **filters)
        return [(row["content"], bool(row["enrolled_at"]), bool(row["paused_at"])) for row in page["content"]]

    assert await list_rows(paused="true", campaign="forest") == [("b", True, True), ("c", False, True)]
    assert await list_rows(paused="false") == [("a", True, False), ("d", True, False)]
    assert await list_rows(content="c") == [("c", False, True)] * 2
    assert (await auditor.read("/content", paused="perhaps"))[0] == 422


async def test_a_refreshed_cache_equals_the_catalogue(server: RunningService):
    catalogue_cache, pool = server.service.catalogue_cache, server.service.pool
    cat = AdminClient(server, "cat")
    steps = [("enrol", "abc"), ("pause", "bx"), ("remove", "a"), ("resume", "b"), ("enrol", "ad"), ("remove", "d")]
    for verb, contents in steps:
        assert (await cat.run_command(f"/campaigns/{SLUG}/content/{verb}", {"contents": list(contents)}))[0] == 200
        catalogue = await catalogue_cache.refresh()
        async with pool.acquire() as conn:
            fresh = await cache.load_catalogue(conn, KEYS.pseudonym)
        assert (catalogue.version, catalogue.enrolments, catalogue.paused_contents) == (
            fresh.version,
            fresh.enrolments,
            fresh.paused_contents,
        )
    assert (sorted(catalogue.enrolments), {content for _, content in catalogue.paused_contents}) == (
        ["a", "b", "c"],
        {"x"},
    )


async def test_content_enrolled_twice_at_once_belongs_to_one_campaign(server: RunningService):
    cat, carl = AdminClient(server, "cat"), AdminClient(server, "carl")
    both = await asyncio.gather(
        cat.run_command("/campaigns/forest/content/enrol", {"contents": ["a", "b"]}),
        carl.run_command(f"/campaigns/{SLUG}/content/enrol", {"contents": ["b", "c"]}),
    )
    assert sorted(status for status, _ in both) == [200, 409]


async def test_a_promise_is_previewed_before_it_is_made(server: RunningService):
    request = {
        "promise": promise_json(promise({"slug": "lake"})),
        "funded_minor": 1_000,
        "forecast": {"likes_per_day": 300},
    }
    status, preview = await AdminClient(server, "rita").run_command("/preview", request)
    assert (status, preview["money"]["pledged"]["minor"], preview["budget_ends_on"]) == (200, 1_000, "2022-04-17")
    status, problem = await AdminClient(server, "rita").run_command("/preview", {**request, "forecast": {}})
    assert (status, [error["path"] for error in problem["faults"]]) == (422, ["forecast"])
