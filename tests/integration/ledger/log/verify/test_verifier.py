"""The verifier against a running service: a true log passes, each falsehood is reported."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from campaigns.catalogue import apply_promise, cache
from campaigns.pledging import budget
from ledger.log.note import format_verifier_key, make_signer
from ledger.log.verify.source import HttpSource, SourceError
from ledger.log.verify.state import VerifierState, load_state, save_state
from ledger.log.verify.verifier import VerificationFailed, VerificationResult, verify_log
from ledger.publication import sequencer
from ops.clock import utc_now
from ops.log_export import export_log
from running_service import DAY, KEYS, LOG, RunningService, like, promise, running_service
from sql import Connection

ROOT = Path(__file__).parents[5]


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    """Yield a service that has counted, withdrawn, changed terms and closed a campaign."""
    async with running_service(dsn, promise(terms={"likes_per_person_per_day": 3}), 1_000) as to:
        await add_history(to)
        yield to


async def add_history(to: RunningService) -> None:
    for number in range(4):
        await to.send([like(f"{number}/{n}", at=DAY + timedelta(days=n % 3)) for n in range(40)])
        await to.tick()
    unliked_at = DAY + timedelta(minutes=1)
    await to.send([like(f"0/{n}", action="unlike", at=unliked_at + timedelta(days=n % 3)) for n in range(30)])
    await to.sequence()
    await add_closed_campaign(to)
    await to.sequence()


async def add_closed_campaign(to: RunningService) -> None:
    """Create, fund, count and close a campaign whose floor exceeds its likes' earnings."""
    closing_promise = promise(
        {"slug": "closed", "floor_minor": 50, "title": {"zh": "–\u2028\n".strip(), "en": '"}],[{'}}
    )
    pool = to.service.pool
    async with pool.acquire() as conn, conn.transaction():
        applied = await apply_promise.apply_promise(conn, closing_promise, DAY, pseudonym_key=KEYS.pseudonym)
        await budget.fund_budget(conn, applied.campaign, 200, '– a line with marks +<>"{}\\ 点赞')
    await to.service.catalogue_cache.refresh()
    await to.send([like("x", campaign="closed"), like("y", campaign="closed")])
    async with pool.acquire() as conn, conn.transaction():
        catalogue = await cache.read_catalogue(conn, KEYS.pseudonym)
        await budget.close_campaign(conn, catalogue.campaigns["closed"], utc_now())


async def verify_service(to: RunningService, seen: VerifierState | None = None) -> VerificationResult:
    return await asyncio.to_thread(verify_log, HttpSource(to.url), seen, LOG.verifier_key)


async def test_the_published_totals_match_the_log(service: RunningService):
    result = await verify_service(service)
    assert result.has_compared_totals
    figures = result.figures["rural-education"]
    assert (figures.counted, figures.withdrawn, figures.funded_minor, figures.pledged_minor) == (
        130,
        30,
        1_000,
        130 // 3,
    )
    assert result.figures["closed"][3:5] == (50, 50)


async def test_the_program_runs_with_nothing_but_the_log_package(service: RunningService, tmp_path: Path):
    package = tmp_path / "ledger"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "log").symlink_to(ROOT / "ledger" / "log")
    state = tmp_path / "state.json"
    command = [sys.executable, "-m", "ledger.log.verify", service.url, "--state", str(state)]

    def run(*more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True, check=False)

    first = await asyncio.to_thread(run)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith(f"TRUE: {LOG.name}, ")
    assert "taken on trust" in first.stdout
    again = await asyncio.to_thread(run)
    assert again.returncode == 0
    assert "taken on trust" not in again.stdout
    other_key = format_verifier_key(make_signer(LOG.name, b"m" * 32).verifier_key)
    other = await asyncio.to_thread(run, "--key", other_key)
    assert (other.returncode, other.stdout) == (1, "")
    assert other.stderr.startswith("FALSE: the service publishes the key ledger.example.org/log+")
    assert (await asyncio.to_thread(run, "--nonsense")).returncode == 2


async def test_the_command_line_verifies_too(service: RunningService, tmp_path: Path):
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "ops.cli", "verify", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    state = tmp_path / "state.json"
    verified = await asyncio.to_thread(run, service.url, "--state", str(state), "--json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["campaigns"]["rural-education"]["pledged_minor"] == 43
    assert load_state(state) is not None
    async with service.service.pool.acquire() as conn:
        await export_log(conn, tmp_path / "files")
    exported = await asyncio.to_thread(run, str(tmp_path / "files"), "--state", str(state))
    assert exported.returncode == 0, exported.stderr
    assert "no totals" in exported.stdout


# --- falsehoods ---

CHANGED_TOTALS = {
    "UPDATE day_counts SET counted = counted + 1 WHERE day = '2022-04-11'": "counted is published as",
    "UPDATE day_counts SET withdrawn = 0": "withdrawn is published as 0, but the log gives 30",
    "UPDATE accounts SET balance_minor = balance_minor + 1 WHERE kind = 'budget' AND campaign <> 'closed'": "funded",
}


@pytest.mark.breaks_invariants
@pytest.mark.parametrize("tampering", list(CHANGED_TOTALS))
async def test_a_total_changed_in_the_database_is_reported(
    service: RunningService, owner: Connection, tampering: str
):
    await owner.execute(f"SET session_replication_role = replica; {tampering}")
    with pytest.raises(VerificationFailed, match=f"rural-education: .*{CHANGED_TOTALS[tampering]}"):
        await verify_service(service)


@pytest.mark.breaks_invariants
@pytest.mark.parametrize(
    ("tampering", "message"),
    [
        (
            """UPDATE leaf_queue SET body = convert_to(replace(convert_from(body, 'UTF8'), '"amount_minor":1000',
            '"amount_minor":1001'), 'UTF8') WHERE leaf_index = 1""",
            "leaf 1: its hash differs from the tile",
        ),
        (
            "UPDATE leaf_queue SET body = set_byte(body, 5, get_byte(body, 5) # 1) WHERE leaf_index = 3",
            "leaf 3: its hash differs",
        ),
        (
            "UPDATE log_tiles SET hashes = set_byte(hashes, 70, get_byte(hashes, 70) # 1)",
            "leaf 2: its hash differs from the tile",
        ),
        (
            """UPDATE log_heads SET checkpoint =
            set_byte(checkpoint, length(checkpoint) - 9, get_byte(checkpoint, length(checkpoint) - 9) # 1)
            WHERE size > 0""",
            "the checkpoint: ",
        ),
        (
            """UPDATE log_heads SET checkpoint =
            (SELECT checkpoint FROM log_heads WHERE size > 0 ORDER BY size LIMIT 1) WHERE size > 0""",
            "an older checkpoint: ",
        ),
    ],
)
async def test_a_flipped_byte_or_an_older_checkpoint_is_reported(
    service: RunningService, owner: Connection, tampering: str, message: str
):
    seen = (await verify_service(service)).state
    await owner.execute(f"SET session_replication_role = replica; {tampering}")
    with pytest.raises(VerificationFailed, match=message):
        await verify_service(service)
    if message.startswith("an older"):  # the state file proves it without totals
        with pytest.raises(VerificationFailed, match=r"an older checkpoint: \d+ leaves, and \d+ were seen before"):
            await asyncio.to_thread(verify_log, HttpSource(service.url), seen, log_only=True)


async def rebuild_log(service: RunningService, owner: Connection, tampering: str) -> None:
    """Change the past and re-sign the whole log with the true key, as a dishonest owner could."""
    await owner.execute(f"SET session_replication_role = replica; {tampering}")
    await owner.execute("DELETE FROM log_tiles; DELETE FROM log_heads; UPDATE leaf_queue SET leaf_index = NULL")
    await sequencer.create_log(service.service.pool, LOG, utc_now())
    await sequencer.sequence_leaves(service.service.pool, LOG, utc_now())


@pytest.mark.breaks_invariants
@pytest.mark.parametrize(
    ("tampering", "message"),
    [
        ("DELETE FROM leaf_queue WHERE kind = 'count' AND leaf_index < 6", r"leaf \d+: "),
        ("DELETE FROM leaf_queue WHERE leaf_index = 0", "leaf 0: campaign rural-education has no terms yet"),
        ("DELETE FROM leaf_queue WHERE kind = 'note'", "closed must have pledged"),
        (
            """UPDATE leaf_queue SET body = convert_to(replace(convert_from(body, 'UTF8'), '"per_likes":3',
            '"per_likes":4'), 'UTF8') WHERE kind = 'terms'""",
            "minor units are pledged, but the likes counted so far make",
        ),
    ],
)
async def test_a_rewritten_and_resigned_past_is_reported(
    service: RunningService, owner: Connection, tampering: str, message: str
):
    await rebuild_log(service, owner, tampering)
    with pytest.raises(VerificationFailed, match=message):
        await verify_service(service)


@pytest.mark.breaks_invariants
async def test_a_state_file_exposes_a_rewritten_past(service: RunningService, owner: Connection, tmp_path: Path):
    seen = (await verify_service(service)).state
    save_state(tmp_path / "state", seen)
    await rebuild_log(service, owner, "SELECT 1")
    assert (
        await verify_service(service, load_state(tmp_path / "state"))
    ).checkpoint == seen.checkpoint  # the same leaves again
    first = '"reference":"first"'
    other = f"convert_to(replace(convert_from(body, 'UTF8'), '{first}', '{first.replace('first', 'other')}'), 'UTF8')"
    await rebuild_log(service, owner, f"UPDATE leaf_queue SET body = {other}")
    with pytest.raises(
        VerificationFailed, match=r"the first \d+ leaves have the root .*, but the checkpoint seen before says"
    ):
        await verify_service(service, load_state(tmp_path / "state"))


# --- missing totals ---


@asynccontextmanager
async def proxy_without_totals(service: RunningService, answer: web.Response | None) -> AsyncIterator[str]:
    """Yield the address of a proxy that answers `/v1/totals` with another response."""

    async def forward(request: web.Request) -> web.Response:
        if request.path == "/v1/totals":
            return (
                web.Response(status=404) if answer is None else web.Response(body=answer.body, status=answer.status)
            )
        response = await service.get(request.path)
        return web.Response(body=response.body, status=response.status)

    app = web.Application()
    app.router.add_get("/{path:.+}", forward)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "the service does not publish its totals: .*/v1/totals is missing"),
        (web.Response(text='{"campaigns": []}'), "closed is in the log but not in the totals"),
        (web.Response(text="not here"), "the totals cannot be read"),
    ],
)
async def test_a_service_that_hides_its_totals_fails(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, answer: web.Response | None, message: str
):
    monkeypatch.setattr("ledger.log.verify.verifier._RETRY_SECONDS", 0.01)
    async with proxy_without_totals(service, answer) as url:
        with pytest.raises(VerificationFailed, match=message):
            await asyncio.to_thread(verify_log, HttpSource(url), None, LOG.verifier_key)
        result = await asyncio.to_thread(verify_log, HttpSource(url), None, LOG.verifier_key, log_only=True)
        assert not result.has_compared_totals


async def test_a_service_whose_totals_fail_is_not_verified(service: RunningService):
    async with proxy_without_totals(service, web.Response(status=500)) as url:
        with pytest.raises(SourceError, match="/v1/totals: status 500"):
            await asyncio.to_thread(verify_log, HttpSource(url), None, LOG.verifier_key)


async def test_a_first_campaign_created_during_the_verification_is_compared(service: RunningService):
    source = LateTotals(service.url)
    result = await asyncio.to_thread(verify_log, source, None, LOG.verifier_key)
    assert result.has_compared_totals
    assert source.requests > 1


class LateTotals(HttpSource):
    """A service whose first campaign appears in the totals from the second request on."""

    requests = 0

    def read_totals(self) -> bytes:
        self.requests += 1
        return super().read_totals() if self.requests > 1 else b'{"campaigns": []}'
