"""Campaigns at the door of programs: terms from a day on, concurrent edits, lists, and content that is paused."""

import asyncio
import tomllib
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from campaigns.catalogue import apply_promise, cache
from campaigns.intake.admission import PAUSED_REASON
from clerks import FOREST, AdminClient, create_tokens, promise_json
from ops.clock import utc_now
from serving import DAY, KEYS, PROMISE, SLUG, RunningService, create_funded_campaign, like, promise, running_service

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
async def served(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as own:
        await create_tokens(own.service.pool)
        await create_funded_campaign(own.service.pool, RUNNING)
        yield own


def terms(per_likes: int = 3, **more: Any) -> dict[str, Any]:
    """Return terms with another rate: more likes for a minor unit is less to be paid, and takes nobody's consent."""
    own = tomllib.loads(PROMISE)["terms"]
    return {"terms": {**own, "rate": {"amount_minor": 1, "per_likes": per_likes}}, **more}


def day(ahead: int) -> str:
    return (TODAY + timedelta(days=ahead)).isoformat()


def first_day(now: datetime) -> str:
    """Return the first day on which new terms can hold: intake takes no like of it yet."""
    newest_like = (now + timedelta(minutes=5)).astimezone(FOREST.campaign.starts_at.tzinfo)
    return (newest_like.date() + timedelta(days=1)).isoformat()


async def whole(served: RunningService, slug: str = "forest") -> Any:
    status, found = await AdminClient(served, "al").read(f"/campaigns/{slug}")
    assert status == 200
    return found


async def test_terms_hold_from_the_day_that_is_asked_for(served: RunningService):
    status, answer = await AdminClient(served, "cat").run_command(
        "/campaigns/forest/terms", terms(4, from_day=day(9))
    )
    assert (status, answer["state"], answer["besides"]) == (200, "done", {"terms_version": 2, "from_day": day(9)})
    assert {"path": "from_day", "before": day(-30), "after": day(9)} in answer["differences"]
    found = await whole(served)
    assert [(t["version"], t["from_day"], t["in_force"]) for t in found["terms"]] == [
        (1, day(-30), True),
        (2, day(9), False),
    ]


async def test_where_no_day_is_asked_for_it_is_the_first_that_can_be(served: RunningService):
    earliest = first_day(utc_now())
    status, answer = await AdminClient(served, "cat").run_command("/campaigns/forest/terms", terms(4))
    assert (status, answer["besides"]["from_day"] in (earliest, first_day(utc_now()))) == (200, True)
    assert "from_day" not in answer["after"], "it would be another day when a second person agrees"


@pytest.mark.parametrize("ahead", [-1, 0, 30, 400])
async def test_a_day_that_cannot_be_is_refused_with_the_first_that_can(served: RunningService, ahead: int):
    status, refused = await AdminClient(served, "cat").run_command(
        "/campaigns/forest/terms", terms(4, from_day=day(ahead))
    )
    [fault] = refused["faults"]
    assert (status, fault["path"]) == (422, "from_day")
    assert "the earliest possible day is" in fault["reason"]
    assert f"last one {LAST}" in fault["reason"]


async def test_no_terms_hold_before_the_newest(served: RunningService):
    cat = AdminClient(served, "cat")
    await cat.run_command("/campaigns/forest/terms", terms(4, from_day=day(9)))
    for per_likes in (4, 5):
        status, refused = await cat.run_command("/campaigns/forest/terms", terms(per_likes, from_day=day(8)))
        assert (status, refused["faults"][0]["path"]) == (422, "from_day")
        assert day(9) in refused["faults"][0]["reason"]
    status, answer = await cat.run_command("/campaigns/forest/terms", terms(4, from_day=day(12)))
    assert (status, answer["state"]) == (200, "unchanged"), "they hold by then already"


async def test_an_approval_gives_the_terms_from_the_day_that_both_saw(served: RunningService):
    _, asked = await AdminClient(served, "cat").run_command("/campaigns/forest/terms", terms(2, from_day=day(9)))
    assert (asked["state"], asked["waits_for"]) == ("pending", "more for a like")
    [proposal] = (await whole(served))["proposals"]
    assert {"path": "from_day", "before": day(-30), "after": day(9)} in proposal["differences"]
    status, done = await AdminClient(served, "carl").approve(asked["proposal"])
    assert (status, done["besides"]) == (200, {"terms_version": 2, "from_day": day(9)})


async def _agreed(served: RunningService, ahead: int | None, now: datetime) -> Any:
    """Ask for more a like today; return what comes of it when it is run again at `now`."""
    async with served.service.pool.acquire() as conn:
        campaign = (await cache.read_campaigns(conn, KEYS.pseudonym))["forest"]
    wanted = promise(terms=terms(2)["terms"]).terms
    again = apply_promise.current_promise(campaign).model_copy(update={"terms": wanted})
    from_day = None if ahead is None else date.fromisoformat(day(ahead))
    return apply_promise.plan_promise(campaign, again, now, from_day).from_day


async def test_run_again_on_a_later_day_it_takes_the_first_day_then_or_is_refused(served: RunningService):
    now = utc_now()
    later = now + timedelta(days=3)
    assert await _agreed(served, None, later) - await _agreed(served, None, now) == timedelta(days=3)
    assert await _agreed(served, 9, later) == date.fromisoformat(day(9))
    with pytest.raises(apply_promise.PromiseRefused, match=r"from_day: .* cannot be: the earliest possible day is"):
        await _agreed(served, 2, later)


async def test_whoever_looked_at_an_older_version_is_told_so(served: RunningService):
    cat, carl = AdminClient(served, "cat"), AdminClient(served, "carl")
    edits = (
        cat.run_command("/campaigns/forest/terms", terms(4, based_on=1)),
        carl.run_command("/campaigns/forest/terms", terms(5, based_on=1)),
    )
    done = sorted(await asyncio.gather(*edits), key=lambda one: one[0])
    assert [status for status, _ in done] == [200, 422]
    assert done[1][1]["faults"][0]["path"] == "based_on"
    assert len((await whole(served))["terms"]) == 2


async def test_every_campaign_is_listed_with_its_state_and_money(served: RunningService):
    auditor = AdminClient(served, "al")
    _, page = await auditor.read("/campaigns", limit="1")
    _, rest = await auditor.read("/campaigns", cursor=page["next"])
    rows = page["campaigns"] + rest["campaigns"]
    assert [(row["campaign"], row["state"]) for row in rows] == [("forest", "running"), (SLUG, "ended")]
    assert rows[0]["money"]["funded"] == {"minor": 700_000, "text": "7000.00"}
    assert rows[0]["newest_terms_version"] == 1
    _, ended = await auditor.read("/campaigns", state="ended")
    assert [row["campaign"] for row in ended["campaigns"]] == [SLUG]
    status, refused = await auditor.read("/campaigns", state="gone")
    assert (status, refused["faults"][0]["reason"]) == (422, "one of: upcoming, running, ended, closed")
    assert (await auditor.read("/campaigns/nothing"))[0] == 404


async def test_a_campaign_is_shown_as_it_was_promised(served: RunningService):
    found = await whole(served)
    assert found["promise"] == promise_json(RUNNING)
    assert (found["content"], found["proposals"]) == ({"enrolled": 0, "paused": 0}, [])


async def _outcomes(served: RunningService, *likes: Any) -> list[Any]:
    answer = await served.send(likes, results="all")
    return [(row["outcome"], row.get("reason")) for row in answer.json["results"]]


async def test_paused_content_counts_no_like_until_it_is_resumed(served: RunningService):
    cat = AdminClient(served, "cat")
    assert await _outcomes(served, like("1", "a")) == [("counted", None)]
    status, answer = await cat.run_command(f"/campaigns/{SLUG}/content/pause", {"contents": ["a"]})
    assert (status, answer["after"]) == (200, {"unchanged": 0, "paused": 1, "contents": ["a"]})
    paused = [like("2", "a"), like("2", "b"), like("1", "a", "unlike", DAY + timedelta(hours=1))]
    told = await _outcomes(served, *paused)
    assert told[0] == ("not_running", PAUSED_REASON)
    assert [outcome for outcome, _ in told] == ["not_running", "counted", "withdrawn"]
    _, again = await cat.run_command(f"/campaigns/{SLUG}/content/pause", {"contents": ["a"]})
    assert again["state"] == "unchanged"
    await cat.run_command(f"/campaigns/{SLUG}/content/resume", {"contents": ["a", "b"]})
    assert [outcome for outcome, _ in await _outcomes(served, like("2", "a"))] == ["counted"]
    assert await served.day_counts() == {"counted": 2, "withdrawn": 1}
    refused = await served.service.pool.fetch("SELECT outcome, likes FROM refusal_counts")
    assert [tuple(row) for row in refused] == [("not_running", 1)], "the waterfall tells of it"


async def test_a_pause_is_of_one_campaign_and_outlives_a_removal(served: RunningService):
    cat = AdminClient(served, "cat")
    path = f"/campaigns/{SLUG}/content"
    assert (await cat.run_command("/campaigns/forest/content/enrol", {"contents": ["f"]}))[0] == 200
    status, refused = await cat.run_command(f"{path}/pause", {"contents": ["a", "f"]})
    assert (status, refused["detail"]) == (
        409,
        "the content f belongs to the campaign forest: there is nothing to pause",
    )
    await cat.run_command(f"{path}/enrol", {"contents": ["a"]})
    await cat.run_command(f"{path}/pause", {"contents": ["a"]})
    await cat.run_command(f"{path}/remove", {"contents": ["a"]})
    assert (await whole(served, SLUG))["content"] == {"enrolled": 0, "paused": 1}
    await cat.run_command(f"{path}/enrol", {"contents": ["a"]})
    assert [outcome for outcome, _ in await _outcomes(served, like("1", "a"))] == ["not_running"]


async def test_content_that_is_not_registered_cannot_be_paused(served: RunningService):
    registered = promise({"slug": "listed", "content": "registered"})
    await create_funded_campaign(served.service.pool, registered)
    status, refused = await AdminClient(served, "cat").run_command(
        "/campaigns/listed/content/pause", {"contents": ["a"]}
    )
    assert (status, refused["detail"]) == (409, "the content a is not enrolled: there is nothing to pause")


async def test_content_is_listed_by_campaign_content_and_pause(served: RunningService):
    cat, auditor = AdminClient(served, "cat"), AdminClient(served, "al")
    await cat.run_command("/campaigns/forest/content/enrol", {"contents": ["b", "d", "a"]})
    await cat.run_command(f"/campaigns/{SLUG}/content/pause", {"contents": ["c", "e"]})
    await cat.run_command("/campaigns/forest/content/pause", {"contents": ["c", "b"]})
    seen, asked = [], {"limit": "2"}
    while asked:
        _, page = await auditor.read("/content", **asked)
        seen += [(row["content"], row["campaign"]) for row in page["content"]]
        asked = {"limit": "2", "cursor": page["next"]} if page["next"] else {}
    assert seen == [("a", "forest"), ("b", "forest"), ("c", "forest"), ("c", SLUG), ("d", "forest"), ("e", SLUG)]

    async def listed(**wanted: str) -> list[tuple[str, bool, bool]]:
        _, page = await auditor.read("/content", **wanted)
        return [(row["content"], bool(row["enrolled_at"]), bool(row["paused_at"])) for row in page["content"]]

    assert await listed(paused="true", campaign="forest") == [("b", True, True), ("c", False, True)]
    assert await listed(paused="false") == [("a", True, False), ("d", True, False)]
    assert await listed(content="c") == [("c", False, True)] * 2
    assert (await auditor.read("/content", paused="perhaps"))[0] == 422


async def test_who_remembers_the_catalogue_learns_only_what_changed_and_holds_the_same(served: RunningService):
    shelf, pool = served.service.catalogue_cache, served.service.pool
    cat = AdminClient(served, "cat")
    steps = [("enrol", "abc"), ("pause", "bx"), ("remove", "a"), ("resume", "b"), ("enrol", "ad"), ("remove", "d")]
    for verb, contents in steps:
        assert (await cat.run_command(f"/campaigns/{SLUG}/content/{verb}", {"contents": list(contents)}))[0] == 200
        held = await shelf.refresh()
        async with pool.acquire() as conn:
            fresh = await cache.load_catalogue(conn, KEYS.pseudonym)
        assert (held.version, held.enrolments, held.paused_contents) == (
            fresh.version,
            fresh.enrolments,
            fresh.paused_contents,
        )
    assert (sorted(held.enrolments), {content for _, content in held.paused_contents}) == (["a", "b", "c"], {"x"})


async def test_of_those_who_enrol_the_same_content_at_once_one_campaign_gets_it(served: RunningService):
    cat, carl = AdminClient(served, "cat"), AdminClient(served, "carl")
    both = await asyncio.gather(
        cat.run_command("/campaigns/forest/content/enrol", {"contents": ["a", "b"]}),
        carl.run_command(f"/campaigns/{SLUG}/content/enrol", {"contents": ["b", "c"]}),
    )
    assert sorted(status for status, _ in both) == [200, 409]


async def test_a_promise_is_previewed_before_it_is_made(served: RunningService):
    asked = {
        "promise": promise_json(promise({"slug": "lake"})),
        "funded_minor": 1_000,
        "forecast": {"likes_per_day": 300},
    }
    status, found = await AdminClient(served, "rita").run_command("/preview", asked)
    assert (status, found["money"]["pledged"]["minor"], found["budget_ends_on"]) == (200, 1_000, "2022-04-17")
    status, refused = await AdminClient(served, "rita").run_command("/preview", {**asked, "forecast": {}})
    assert (status, [fault["path"] for fault in refused["faults"]]) == (422, ["forecast"])
