"""The public figures of authenticity, on the address, in CSV, on the page and in the verified log."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from campaigns.intake.like_state import LikeVerdict
from campaigns.promise.model import Promise
from ledger.log.verify.source import HttpSource
from ledger.log.verify.verifier import VerificationFailed, VerificationResult, verify_log
from running_service import DAY, LOG, SLUG, RunningService, like, promise, running_service
from sql import Connection
from verdicts import decide

HELD, CLEARED, RELEASED, VOID = LikeVerdict
CAMPAIGN = f"/v1/campaigns/{SLUG}"
PERIOD, DAY_TEXT = "2022-04-18", "2022-04-10"
PEOPLE = [f"p{n}" for n in range(30)]


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    """Yield a service where rules held 21 of 30 likes; people released 2 of them and made 6 void."""
    async with running_service(dsn, promise(terms={"daily_cap_minor": 9}, rules="standard")) as to:
        await to.send([like(person, "c") for person in PEOPLE])
        await decide(to, HELD, [("c", person) for person in PEOPLE[:15]])
        await decide(to, HELD, [("c", person) for person in PEOPLE[15:21]], families=("pace",))
        await decide(to, RELEASED, [("c", person) for person in PEOPLE[:2]], by="people")
        await decide(to, VOID, [("c", person) for person in PEOPLE[2:8]], by="people")
        await to.tick()
        yield to


async def add_cases_and_appeals(owner: Connection) -> None:
    """Add an open case of 50 hours, decisions after 1, 2 and 9 days, one cleared case, two appeals."""
    for number, (age, taken, outcome) in enumerate(
        [(50, None, None), (400, 24, "void"), (400, 48, "released"), (400, 216, "void"), (400, 1, "cleared")]
    ):
        await owner.execute(
            """INSERT INTO cases (case_id, campaign_id, ruleset, rule, family, is_counting, evidence, opened_at,
                due_at, closed_at, outcome)
            SELECT $1, campaign_id, 1, 'device.crowd', 'device', false, '{}', now() - $2 * interval '1 hour', now(),
                now() - $2 * interval '1 hour' + $3::integer * interval '1 hour', $4 FROM campaigns""",
            f"cas_{number}", age, taken, outcome,
        )  # fmt: skip
    for number, outcome in enumerate(("upheld", None)):
        await owner.execute(
            """INSERT INTO appeals (appeal_id, campaign_id, bucket, content, person, platform_id, verdict_at, message,
                opened_at, outcome, decided_by, decided_at)
            SELECT $1, campaign_id, 0, 'c', person, 1, now(), 'please', now(), $2, $3,
                CASE WHEN $2::text IS NULL THEN NULL ELSE now() END
            FROM verdicts ORDER BY person OFFSET $4 LIMIT 1""",
            f"apl_{number}", outcome, outcome and "rev", number,
        )  # fmt: skip


def closing_pass(not_judged: str, period: str, cut_off: str) -> str:
    return f"""INSERT INTO closing_passes (campaign_id, period, cut_off, due_at, ruleset, likes, held_likes, digest,
        not_judged, judged_at)
        SELECT campaign_id, '{period}', '{cut_off}', now(), 1, 9, 0, sha256(''), '{not_judged}', now()
        FROM campaigns"""


async def test_the_figures_are_public(service: RunningService, owner: Connection) -> None:
    await add_cases_and_appeals(owner)
    response = await service.get(f"{CAMPAIGN}/authenticity")
    view = response.json
    assert view["likes"] == {"quarantined": 13, "void": 6, "low_quality": 0, "released": 2}
    # 11 likes count and earn 11/3, all 30 would earn the cap of 9: less than 4 + 2.
    money = {name: amount["minor"] for name, amount in view["would_have_earned"].items()}
    assert money == {"quarantined": 5, "void": 2, "low_quality": 0, "total": 6}
    rows = [
        (row["family"], row["decided_by"], row["quarantined"], row["released"], row["void"])
        for row in view["families"]
    ]
    assert rows == [("device", "people", 0, 2, 6), ("device", "rules", 7, 0, 0), ("other", "rules", 6, 0, 0)]
    assert view["appeals"] == {"opened": 2, "upheld": 1, "rejected": 0}
    opened_at = view["cases"].pop("oldest_opened_at")
    assert view["cases"] == {"open": 1, "oldest_days": 2, "decided": 3, "median_days": 2}
    assert opened_at < view["as_of"]
    ruleset = view["ruleset"]
    assert (ruleset["version"], ruleset["reason"]["en"]) == (1, "The rules that ship with the software.")
    assert ruleset["sha256"] == await owner.fetchval("SELECT encode(sha256, 'hex') FROM rulesets")
    assert ruleset["live_from"] == ruleset["applied_at"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cache-Control"].startswith("public, max-age=")
    unchanged = await service.get(f"{CAMPAIGN}/authenticity", **{"If-None-Match": response.headers["ETag"]})
    assert unchanged.status == 304


async def test_no_threshold_score_or_rule_is_named(service: RunningService, owner: Connection) -> None:
    await owner.execute(closing_pass(f'[["kuai", "{DAY_TEXT}", "device.crowd"]]', PERIOD, DAY_TEXT))
    for path in (f"{CAMPAIGN}/authenticity", f"{CAMPAIGN}/authenticity.csv", f"/campaigns/{SLUG}?lang=en"):
        text = (await service.get(path)).body.decode()
        assert "device.crowd" not in text, path
        assert "people_from" not in text, path


async def test_what_was_not_judged_is_said_by_family_and_for_the_pass_that_closed_the_day(
    service: RunningService, owner: Connection
) -> None:
    before, rules = "2022-04-09", ("device.crowd", "device.rotation", "lockstep.network", "gone")
    await owner.execute(closing_pass(f'[["kuai", "{before}", "crowd.content"]]', "2022-04-11", before))
    skipped = ", ".join(f'["kuai", "{day}", "{rule}"]' for day in (before, DAY_TEXT, "2022-04-11") for rule in rules)
    await owner.execute(closing_pass(f"[{skipped}]", PERIOD, DAY_TEXT))
    assert (await service.get(f"{CAMPAIGN}/authenticity")).json["not_judged"] == [
        {"day": before, "platform": "kuai", "families": ["crowd"]},
        {"day": DAY_TEXT, "platform": "kuai", "families": ["device", "lockstep", "other"]},
    ]


async def test_a_campaign_without_rules_says_that_every_like_counts(dsn: str) -> None:
    parts = promise().model_dump(mode="json", exclude_none=True) | {"authenticity": {"rules": "none"}}
    async with running_service(dsn, Promise.model_validate_json(json.dumps(parts))) as to:
        await to.send([like("a"), like("b")])
        await to.tick()
        view = (await to.get(f"{CAMPAIGN}/authenticity")).json
        page = (await to.get(f"/campaigns/{SLUG}?lang=en")).body.decode()
        zh_page = (await to.get(f"/campaigns/{SLUG}?lang=zh")).body.decode()
    assert (view["ruleset"], view["families"], view["not_judged"]) == (None, [], [])
    assert "This campaign counts every like. No rules apply." in page
    assert "本活动的每个赞都计入，不适用任何规则。" in zh_page
    assert "What cannot be detected" not in page


async def test_the_page_says_what_was_held_and_why(service: RunningService, owner: Connection) -> None:
    await add_cases_and_appeals(owner)
    page = (await service.get(f"/campaigns/{SLUG}?lang=en")).body.decode()
    section = page.partition('aria-labelledby="authenticity"')[2].partition("</section>")[0]
    for text in ("Many accounts on one device", "Other reasons", "What cannot be detected", "Version 1."):
        assert text in section, text
    assert "Cases waiting for people: 1, the oldest for 2 days. Decided so far: 3, half of them within 2" in section
    assert "CN¥0.06 more would be pledged" in section


async def test_the_table_by_day_is_csv(service: RunningService) -> None:
    response = await service.get(f"{CAMPAIGN}/authenticity.csv")
    assert response.headers["Content-Disposition"] == f'attachment; filename="{SLUG}-authenticity.csv"'
    rows = list(csv.DictReader(io.StringIO(response.body.decode())))
    assert [(row["day"], row["family"], row["decided_by"], row["quarantined"], row["void"]) for row in rows] == [
        (DAY_TEXT, "device", "people", "0", "6"),
        (DAY_TEXT, "device", "rules", "7", "0"),
        (DAY_TEXT, "other", "rules", "6", "0"),
    ]


async def test_days_and_totals_have_what_does_not_count(service: RunningService) -> None:
    [day] = [day for day in (await service.get(f"{CAMPAIGN}/days")).json["days"] if day["day"] == DAY_TEXT]
    [row] = [
        row
        for row in csv.DictReader(io.StringIO((await service.get(f"{CAMPAIGN}/days.csv")).body.decode()))
        if row["day"] == DAY_TEXT
    ]
    names = ("counted", "quarantined", "void", "low_quality")
    assert [day[name] for name in names] == [int(row[name]) for name in names] == [11, 13, 6, 0]
    totals = (await service.get(f"{CAMPAIGN}/totals")).json["likes"]
    assert [totals[name] for name in names] == [11, 13, 6, 0]


async def verify(to: RunningService) -> VerificationResult:
    await to.sequence()
    return await asyncio.to_thread(verify_log, HttpSource(to.url), None, LOG.verifier_key)


async def test_the_log_proves_the_figures(service: RunningService) -> None:
    await service.send([like(PEOPLE[3], "c", "unlike", DAY + timedelta(minutes=1))])
    result = await verify(service)
    figures = result.figures[SLUG]
    assert result.has_compared_totals
    assert (figures.counted, figures.quarantined, figures.void, figures.withdrawn) == (11, 13, 5, 1)
    assert figures.low_quality == 0


VERDICTS = "SELECT {}(leaf_id) FROM leaf_queue WHERE kind = 'verdicts'"
MISSING = {
    "the first verdicts": (VERDICTS.format("min"), "its tree has 6 verdicts, but its totals move by 21"),
    "the last verdicts": (VERDICTS.format("max"), "verdicts make 0 likes void, but the counts have 6 void"),
    "the ruleset": (
        "SELECT leaf_id FROM leaf_queue WHERE kind = 'ruleset'",
        "version 1 of the ruleset was not logged before",
    ),
}


@pytest.mark.breaks_invariants
@pytest.mark.parametrize(("leaf", "reason"), MISSING.values(), ids=MISSING)
async def test_a_log_without_a_leaf_is_found(
    service: RunningService, owner: Connection, leaf: str, reason: str
) -> None:
    await owner.execute("SET session_replication_role = replica")
    await owner.execute(f"DELETE FROM leaf_queue WHERE leaf_id = ({leaf})")
    with pytest.raises(VerificationFailed, match=reason):
        await verify(service)
