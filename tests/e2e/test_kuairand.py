"""23,637 real likes (KuaiRand, CC BY-SA 4.0), replayed.

Always the same figures, worked out beforehand. The project may not redistribute the file; without
it these tests are skipped. The setting `KUAIRAND_LIKES` names it, or else it is
`../shared/data/kuairand-likes.csv` beside the repository.
"""

import asyncio
import json
import os
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from rich.console import Console

from campaigns.promise.model import Promise
from ledger.log.verify.source import HttpSource
from ledger.log.verify.verifier import verify_log
from ops.clock import utc_now
from ops.demo import payday
from ops.replay.formats import Format
from ops.replay.run import ReplayJob, ReplayReport, ReplayTarget, new_report, send_file
from ops.replay.secret import parse_secret
from running_service import LOG, SLUG, RunningService, like, promise, running_service

DEFAULT_FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "kuairand-likes.csv"
FILE = Path(os.environ.get("KUAIRAND_LIKES", DEFAULT_FILE))
LIMITED = {"counted": 22_629, "duplicate": 262, "over_limit": 739}
UNLIMITED = {"counted": 23_368, "duplicate": 262}
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
LIKES, NOT_RUNNING = 23_637, 7

pytestmark = [
    pytest.mark.skipif(
        not FILE.is_file(), reason=f"THE REAL LIKES ARE MISSING: set KUAIRAND_LIKES, there is no {FILE.name} beside"
    ),
    pytest.mark.slow,
]


def promise_with(**terms: Any) -> Promise:
    """Return the contract's promise, 1 fen for 3 likes, with other terms."""
    return promise(terms=terms)


FULL = promise_with(daily_cap_minor=500, likes_per_person_per_day=20)


async def replay(service: RunningService, file: Path, size: int, senders: int = 1, label: str = "") -> ReplayReport:
    job = ReplayJob(file, Format.KUAIRAND, SLUG, size, skips_bad_lines=False, label=label)
    address = f"{service.url}/v1/platforms/{service.platform}/likes"
    report = new_report(job)
    target = ReplayTarget(address, parse_secret(service.secret), senders, None, 12)
    await send_file(job, target, utc_now, Console(quiet=True), report)
    assert (report.failure, report.is_complete, report.delivery_tally.likes) == (None, True, LIKES)
    assert report.delivery_tally.outcomes["not_running"] == NOT_RUNNING
    return report


async def check(service: RunningService, figures: Mapping[str, int], pledged_minor: int) -> None:
    assert (await service.day_counts(), await service.pledged_minor()) == (figures, pledged_minor)
    totals = json.loads((await service.get(f"/v1/campaigns/{SLUG}/totals")).body)
    assert {name: likes for name, likes in totals["likes"].items() if likes} == figures
    assert totals["money"]["pledged"]["minor"] == pledged_minor
    await service.sequence()
    verified = await asyncio.to_thread(verify_log, HttpSource(service.url), None, LOG.verifier_key)
    figures_of_log = verified.figures[SLUG]
    assert (verified.has_compared_totals, figures_of_log.counted) == (True, figures["counted"])
    assert figures_of_log.pledged_minor == pledged_minor


# One like a webhook needs sixteen senders.
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("size", "times", "senders"), [(1, 1, 16), (1_000, 1, 1), (1_000, 3, 1)])
async def test_the_promise_of_the_contract(dsn: str, size: int, times: int, senders: int):
    async with running_service(dsn, FULL) as service:
        runs = [await replay(service, FILE, size, senders) for _ in range(times)]
        await check(service, LIMITED, 6_455)
        assert [run.delivery_tally.outcomes for run in runs] == [runs[0].delivery_tally.outcomes] * times


async def test_weekly_settlements_paid_by_a_bank(dsn: str, tmp_path: Path):
    """35.00 and 29.55 at 70 % and 30 %: 24.50, 10.50, 20.69 and 8.86.

    The bank returns the last one. 24.50 + 10.50 + 20.69 = 55.69 paid, and 55.69 + 8.86 = 64.55
    settled.
    """
    async with running_service(dsn, FULL, payout_folder=tmp_path) as service:
        await replay(service, FILE, 1_000)
        await service.tick()
        campaign = (await service.service.catalogue_cache.refresh()).campaigns[SLUG]
        first, second = await payday.run_payday(service.service, campaign, utc_now())
        assert [(str(s.period), s.total_minor) for s in (first, second)] == [
            ("2022-04-18", 3500),
            ("2022-04-25", 2955),
        ]
        payouts = [(p.amount_minor, p.state.value) for s in (first, second) for p in s.payouts]
        assert payouts == [(2450, "paid"), (1050, "paid"), (2069, "paid"), (886, "returned")]
        files = [name for name in os.listdir(tmp_path) if name.endswith(".xml")]  # noqa: PTH208 - two names, read once
        assert len(files) == 2
        await service.sequence()
        verified = await asyncio.to_thread(verify_log, HttpSource(service.url), None, LOG.verifier_key)
        figures_of_log = verified.figures[SLUG]
        assert (verified.has_compared_totals, figures_of_log.pledged_minor) == (True, 6_455)
        assert (figures_of_log.settled_minor, figures_of_log.in_flight_minor, figures_of_log.paid_minor) == (
            6_455,
            0,
            5_569,
        )


async def test_a_replay_under_new_ids_adds_only_duplicates(dsn: str):
    async with running_service(dsn, FULL) as service:
        for label in ("", "again"):
            await replay(service, FILE, 1_000, label=label)
        await check(service, LIMITED | {"duplicate": 262 + LIKES - NOT_RUNNING}, 6_455)


def repeats_on_later_days(rows: list[str], header: str, count: int) -> list[dict[str, Any]]:
    """Return likes of the file again, one to three days later, inside the campaign."""
    chosen = random.Random(9)
    columns = header.strip().split(",")
    person, content, time_ms = (columns.index(name) for name in ("user_id", "video_id", "time_ms"))
    repeats = []
    while len(repeats) < count:
        values = chosen.choice(rows).strip().split(",")
        liked_at = datetime.fromtimestamp(int(values[time_ms]) // 1000, UTC)
        if FULL.campaign.starts_at <= liked_at and liked_at + timedelta(days=3) < FULL.campaign.ends_at:
            at = liked_at + timedelta(days=chosen.randrange(1, 4))
            repeats.append(like(values[person], values[content], at=at))
    return repeats


@pytest.mark.parametrize(
    ("terms", "figures", "pledged_minor"),
    [(FULL, LIMITED, 6_455), (promise_with(), UNLIMITED, 7_789)],
    ids=["with limit and cap", "without"],
)
async def test_eight_senders_any_order_and_repeats_on_other_days(
    dsn: str, tmp_path: Path, terms: Promise, figures: Mapping[str, int], pledged_minor: int
):
    header, *rows = FILE.read_text().splitlines(keepends=True)  # noqa: ASYNC240
    repeats = repeats_on_later_days(rows, header, 2_000)
    random.Random(8).shuffle(rows)
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("".join([header, *rows]))
    async with running_service(dsn, terms) as service:
        parts = [repeats[number::8] for number in range(8)]
        sending = asyncio.gather(*(service.send(part, f"repeats-{n}", "none") for n, part in enumerate(parts)))
        await replay(service, shuffled, 100, senders=8)
        assert sum(sum(response.outcomes.values()) for response in await sending) == len(repeats)
        await check(service, {**figures, "duplicate": 262 + len(repeats)}, pledged_minor)


async def cut_connections(dsn: str, times: int) -> None:
    """End every other connection to the database several times while likes arrive."""
    conn = await asyncpg.connect(dsn)
    try:
        for round_ in range(1, times + 1):
            while await conn.fetchval("SELECT count(*) FROM deliveries") < round_ * 20:
                await asyncio.sleep(0.01)
            await conn.execute(CUT)
    finally:
        await conn.close()


async def test_the_database_goes_away_in_the_middle(dsn: str):
    async with running_service(dsn, FULL) as service:
        cutting = asyncio.create_task(cut_connections(dsn, 8))
        report = await replay(service, FILE, 100)
        await cutting
        assert report.delivery_tally.retries > 0
        await check(service, LIMITED, 6_455)


WORKED = [
    ("a budget of 50.00", promise_with(), 5_000, UNLIMITED, 5_000),
    (
        "7 fen for 10 likes",
        promise_with(rate={"amount_minor": 7, "per_likes": 10}, likes_per_person_per_day=20),
        700_000,
        LIMITED,
        15_840,
    ),
]


@pytest.mark.parametrize(
    ("terms", "funded_minor", "figures", "pledged_minor"), [case[1:] for case in WORKED], ids=[c[0] for c in WORKED]
)
async def test_other_promises(
    dsn: str, terms: Promise, funded_minor: int, figures: Mapping[str, int], pledged_minor: int
):
    async with running_service(dsn, terms, funded_minor) as service:
        await replay(service, FILE, 1_000)
        await check(service, figures, pledged_minor)
