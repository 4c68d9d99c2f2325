"""The public figures of authenticity, on the address, in CSV, on the page and in the verified log."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from campaigns.intake.like_state import LikeVerdict
from ledger.log.verify.source import HttpSource
from ledger.log.verify.verifier import VerificationFailed, VerificationResult, verify_log
from ledger.publication.outbox import enqueue_leaf
from running_service import DAY, LOG, SLUG, RunningService, like, promise, running_service
from sql import Connection
from verdicts import decide, store_ruleset

HELD, CLEARED, RELEASED, VOID = LikeVerdict
CAMPAIGN = f"/v1/campaigns/{SLUG}"
PERIOD, DAY_TEXT = "2022-04-18", "2022-04-10"
PEOPLE = [f"p{n}" for n in range(30)]


@pytest.fixture
async def service(dsn: str, owner: Connection) -> AsyncIterator[RunningService]:
    """Yield a service where rules held 21 of 30 likes; people released 2 of them and made 6 void."""
    async with running_service(dsn, promise(terms={"daily_cap_minor": 9})) as to:
        await store_ruleset(owner)
        async with to.service.pool.acquire() as conn:
            reason = {"zh": "首批规则", "en": "the first rules"}
            ruleset = {"campaign": SLUG, "version": 1, "sha256": "a" * 64, "families": ["device"], "reason": reason}
            await enqueue_leaf(conn, "ruleset", f"ruleset/{SLUG}/1", ruleset)
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
