"""The stranger's verifier against a running service: what is true passes, and each falsehood is named."""

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
from serving import DAY, KEYS, LOG, RunningService, like, promise, running_service
from sql import Connection

ROOT = Path(__file__).parents[5]


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    """Yield a service that has promised, counted, withdrawn, taken back, changed terms and closed."""
    async with running_service(dsn, promise(terms={"likes_per_person_per_day": 3}), 1_000) as to:
        await busy(to)
        yield to


async def busy(to: RunningService) -> None:
    for number in range(4):
        await to.send([like(f"{number}/{n}", at=DAY + timedelta(days=n % 3)) for n in range(40)])
        await to.tick()
    gone = DAY + timedelta(minutes=1)
    await to.send([like(f"0/{n}", action="unlike", at=gone + timedelta(days=n % 3)) for n in range(30)])
    await to.sequence()
    await other_campaign(to)
    await to.sequence()


async def other_campaign(to: RunningService) -> None:
    """Promise, fund, count and close a campaign whose floor is above what its likes earn."""
    own = promise({"slug": "closed", "floor_minor": 50, "title": {"zh": "–\u2028\n".strip(), "en": '"}],[{'}})
    pool = to.service.pool
    async with pool.acquire() as conn, conn.transaction():
        made = await apply_promise.apply_promise(conn, own, DAY, pseudonym_key=KEYS.pseudonym)
        await budget.fund_budget(conn, made.campaign, 200, '– a line with marks +<>"{}\\ 点赞')
    await to.service.catalogue_cache.refresh()
    await to.send([like("x", campaign="closed"), like("y", campaign="closed")])
    async with pool.acquire() as conn, conn.transaction():
        shelf = await cache.read_catalogue(conn, KEYS.pseudonym)
        await budget.close_campaign(conn, shelf.campaigns["closed"], utc_now())


async def checked(to: RunningService, seen: VerifierState | None = None) -> VerificationResult:
    return await asyncio.to_thread(verify_log, HttpSource(to.url), seen, LOG.verifier_key)


async def test_what_a_service_shows_is_what_its_log_gives(service: RunningService):
    found = await checked(service)
    assert found.has_compared_totals
    own = found.figures["rural-education"]
    assert (own.counted, own.withdrawn, own.funded_minor, own.pledged_minor) == (130, 30, 1_000, 130 // 3)
    assert found.figures["closed"][3:5] == (50, 50)


async def test_it_runs_as_a_program_with_nothing_but_the_log_package(service: RunningService, tmp_path: Path):
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
    assert other.stderr.startswith("FALSE: the state is of ledger.example.org/log+")
    assert (await asyncio.to_thread(run, "--nonsense")).returncode == 2


async def test_the_command_line_says_the_same(service: RunningService, tmp_path: Path):
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "ops.cli", "verify", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    state = tmp_path / "state.json"
    shown = await asyncio.to_thread(run, service.url, "--state", str(state), "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["campaigns"]["rural-education"]["pledged_minor"] == 43
    assert load_state(state) is not None
    async with service.service.pool.acquire() as conn:
        await export_log(conn, tmp_path / "files")
    exported = await asyncio.to_thread(run, str(tmp_path / "files"), "--state", str(state))
    assert exported.returncode == 0, exported.stderr
    assert "no totals" in exported.stdout


# --- what is false is found, and named ---

TOTALS = {
    "UPDATE day_counts SET counted = counted + 1 WHERE day = '2022-04-11'": "counted is shown as",
    "UPDATE day_counts SET withdrawn = 0": "withdrawn is shown as 0, the log makes it 30",
    "UPDATE accounts SET balance_minor = balance_minor + 1 WHERE kind = 'budget' AND campaign <> 'closed'": "funded",
}


@pytest.mark.breaks_invariants
@pytest.mark.parametrize("tampering", list(TOTALS))
async def test_a_total_changed_in_the_database_is_named(service: RunningService, owner: Connection, tampering: str):
    await owner.execute(f"SET session_replication_role = replica; {tampering}")
    with pytest.raises(VerificationFailed, match=f"rural-education: .*{TOTALS[tampering]}"):
        await checked(service)


@pytest.mark.breaks_invariants
@pytest.mark.parametrize(
    ("tampering", "says"),
    [
        (
            """UPDATE leaf_queue SET body = convert_to(replace(convert_from(body, 'UTF8'), '"amount_minor":1000',
            '"amount_minor":1001'), 'UTF8') WHERE leaf_index = 1""",
            "leaf 1: it does not hash to what the tile says",
        ),
        (
            "UPDATE leaf_queue SET body = set_byte(body, 5, get_byte(body, 5) # 1) WHERE leaf_index = 3",
            "leaf 3: it does not hash",
        ),
        (
            "UPDATE log_tiles SET hashes = set_byte(hashes, 70, get_byte(hashes, 70) # 1)",
            "leaf 2: it does not hash to what the tile says",
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
async def test_a_flipped_byte_or_an_older_checkpoint_is_named(
    service: RunningService, owner: Connection, tampering: str, says: str
):
    seen = (await checked(service)).state
    await owner.execute(f"SET session_replication_role = replica; {tampering}")
    with pytest.raises(VerificationFailed, match=says):
        await checked(service)
    if says.startswith("an older"):  # who saw the newer one needs no totals to know
        with pytest.raises(VerificationFailed, match=r"an older checkpoint: \d+ leaves, and \d+ were seen before"):
            await asyncio.to_thread(verify_log, HttpSource(service.url), seen, log_only=True)


async def resigned(service: RunningService, owner: Connection, tampering: str) -> None:
    """Change the past and build the whole log anew over it, signed by the true key: what a dishonest owner can do."""
    await owner.execute(f"SET session_replication_role = replica; {tampering}")
    await owner.execute("DELETE FROM log_tiles; DELETE FROM log_heads; UPDATE leaf_queue SET leaf_index = NULL")
    await sequencer.create_log(service.service.pool, LOG, utc_now())
    await sequencer.sequence_leaves(service.service.pool, LOG, utc_now())


@pytest.mark.breaks_invariants
@pytest.mark.parametrize(
    ("tampering", "says"),
    [
        ("DELETE FROM leaf_queue WHERE kind = 'count' AND leaf_index < 6", r"leaf \d+: "),
        ("DELETE FROM leaf_queue WHERE leaf_index = 0", "leaf 0: rural-education was never promised"),
        ("DELETE FROM leaf_queue WHERE kind = 'note'", "closed is to pledge"),
        (
            """UPDATE leaf_queue SET body = convert_to(replace(convert_from(body, 'UTF8'), '"per_likes":3',
            '"per_likes":4'), 'UTF8') WHERE kind = 'terms'""",
            "minor units are pledged, and the likes counted so far make",
        ),
    ],
)
async def test_a_past_that_was_changed_and_signed_anew_is_named(
    service: RunningService, owner: Connection, tampering: str, says: str
):
    await resigned(service, owner, tampering)
    with pytest.raises(VerificationFailed, match=says):
        await checked(service)


@pytest.mark.breaks_invariants
async def test_who_saw_the_log_before_sees_that_its_past_is_another(
    service: RunningService, owner: Connection, tmp_path: Path
):
    seen = (await checked(service)).state
    save_state(tmp_path / "state", seen)
    await resigned(service, owner, "SELECT 1")
    assert (
        await checked(service, load_state(tmp_path / "state"))
    ).checkpoint == seen.checkpoint  # the same leaves again
    first = '"reference":"first"'
    other = f"convert_to(replace(convert_from(body, 'UTF8'), '{first}', '{first.replace('first', 'other')}'), 'UTF8')"
    await resigned(service, owner, f"UPDATE leaf_queue SET body = {other}")
    with pytest.raises(
        VerificationFailed, match=r"the first \d+ leaves make the root .*, the checkpoint seen before says"
    ):
        await checked(service, load_state(tmp_path / "state"))


# --- figures that are hidden ---


@asynccontextmanager
async def hiding(service: RunningService, answer: web.Response | None) -> AsyncIterator[str]:
    """Yield the address of a server that passes the log on, and answers `/v1/totals` with something else."""

    async def passed(request: web.Request) -> web.Response:
        if request.path == "/v1/totals":
            return (
                web.Response(status=404) if answer is None else web.Response(body=answer.body, status=answer.status)
            )
        found = await service.get(request.path)
        return web.Response(body=found.body, status=found.status)

    app = web.Application()
    app.router.add_get("/{path:.+}", passed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "the service hides its totals: .*/v1/totals is missing"),
        (web.Response(text='{"campaigns": []}'), "closed is in the log, and not shown"),
        (web.Response(text="not here"), "the totals cannot be read"),
    ],
)
async def test_a_service_that_hides_its_totals_is_refuted(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, answer: web.Response | None, says: str
):
    monkeypatch.setattr("ledger.log.verify.verifier._RETRY_SECONDS", 0.01)
    async with hiding(service, answer) as url:
        with pytest.raises(VerificationFailed, match=says):
            await asyncio.to_thread(verify_log, HttpSource(url), None, LOG.verifier_key)
        found = await asyncio.to_thread(verify_log, HttpSource(url), None, LOG.verifier_key, log_only=True)
        assert not found.has_compared_totals


async def test_a_service_whose_totals_fail_is_not_taken_for_true(service: RunningService):
    async with hiding(service, web.Response(status=500)) as url:
        with pytest.raises(SourceError, match="/v1/totals: status 500"):
            await asyncio.to_thread(verify_log, HttpSource(url), None, LOG.verifier_key)


async def test_a_first_campaign_that_comes_while_one_verifies_is_compared_all_the_same(service: RunningService):
    source = Late(service.url)
    found = await asyncio.to_thread(verify_log, source, None, LOG.verifier_key)
    assert found.has_compared_totals
    assert source.asked > 1


class Late(HttpSource):
    """A service whose first campaign is shown from the second question on."""

    asked = 0

    def read_totals(self) -> bytes:
        self.asked += 1
        return super().figures() if self.asked > 1 else b'{"campaigns": []}'
