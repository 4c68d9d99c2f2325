"""The embedded server starts, recovers and stops, as root and as nobody, however its owner ends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from databases import scratch_folder
from ops import embedded_postgres
from ops.embedded_postgres import EmbeddedRefused, Server, privileges
from processes import (
    HOLDER_SCRIPT,
    PATIENCE_SECONDS,
    ROOT,
    connections,
    database_holder,
    folder_processes,
    sleeping_process,
    wait_until_ended,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch_folder() as scratch:
        yield scratch


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[Server]:
    running = await embedded_postgres.start(folder)
    yield running
    await running.stop()


def set_mode(folder: Path, mode: int) -> tuple[int, int]:
    folder.chmod(mode)
    return owner_and_mode(folder)


def owner_and_mode(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_uid, status.st_mode


async def fetch_value(dsn: str, query: str = "SELECT 1") -> object:
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(query)
    finally:
        await conn.close()


async def store_row(dsn: str) -> None:
    await fetch_value(dsn, "CREATE TABLE stored AS SELECT 7 AS number")


async def read_row(dsn: str) -> object:
    return await fetch_value(dsn, "SELECT number FROM stored")


async def fetch_from(folder: Path, wait_seconds: float = PATIENCE_SECONDS) -> object:
    async with embedded_postgres.database(folder, "command", wait_seconds=wait_seconds) as dsn:
        return await fetch_value(dsn)


async def test_commits_survive_a_crash_and_no_port_is_open(server: Server) -> None:
    settings = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
    }
    assert {name: await fetch_value(server.dsn, f"SHOW {name}") for name in settings} == settings
    locale = await fetch_value(
        server.dsn, "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'postgres'"
    )
    assert locale == "bC.UTF-8"
    running = folder_processes(server.folder.parent)
    assert server.process.pid in [process.pid for process in running]
    assert not any(map(connections, running))


async def test_a_restart_finds_the_same_rows(folder: Path) -> None:
    async with embedded_postgres.database(folder, "command") as dsn:
        await store_row(dsn)
        running = folder_processes(folder)
    assert len(running) > 2
    assert wait_until_ended(running)
    async with embedded_postgres.database(folder, "command") as dsn:
        assert await read_row(dsn) == 7


async def test_a_killed_server_recovers_at_the_next_start(folder: Path) -> None:
    first = await embedded_postgres.start(folder)
    await store_row(first.dsn)
    for _ in range(2):
        os.kill(first.process.pid, signal.SIGKILL)
        second = await embedded_postgres.start(folder)
        assert (await read_row(second.dsn), second.dsn) == (7, first.dsn)
        await first.stop()
        first = second
    await first.stop()


async def test_the_end_of_the_server_cancels_its_user_with_the_reason(folder: Path) -> None:
    running: list[psutil.Process] = []

    async def use() -> None:
        async with embedded_postgres.database(folder, "serve"):
            running.extend(folder_processes(folder))
            os.kill(postmaster(folder), signal.SIGKILL)
            await asyncio.sleep(PATIENCE_SECONDS)
            running.clear()

    with pytest.raises(EmbeddedRefused, match=r"the database server ended, start again: .*server\.log"):
        await use()
    assert running, "the user was not cancelled"
    assert wait_until_ended(running)
    assert await fetch_from(folder) == 1


async def test_a_timeout_of_the_user_stays_a_timeout(folder: Path) -> None:
    async def use() -> None:
        async with embedded_postgres.database(folder, "command"):
            raise TimeoutError("of the user")

    with pytest.raises(TimeoutError, match="of the user"):
        await use()


def postmaster(folder: Path) -> int:
    return int((folder / "postgres/cluster/postmaster.pid").read_text().split("\n", 1)[0])


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_no_process_is_left_when_the_owner_ends(folder: Path, end: signal.Signals) -> None:
    with database_holder(folder, "serve") as owner:
        running = folder_processes(folder)
        assert len(running) > 2
        owner.send_signal(end)
        assert wait_until_ended(running)
    assert await fetch_from(folder) == 1


async def test_ctrl_c_in_a_terminal_reaches_the_owner_alone(folder: Path) -> None:
    with database_holder(folder, "serve") as owner:
        terminal_group = os.getpgid(owner.pid)
        assert all(os.getpgid(p.pid) != terminal_group for p in folder_processes(folder) if p.pid != owner.pid)


@pytest.mark.parametrize("pid_file", ["{living}\n/elsewhere\n1\n5432\n", "", "no number\n"])
async def test_a_stale_pid_file_does_not_stop_a_start(folder: Path, pid_file: str) -> None:
    async with embedded_postgres.database(folder, "command") as dsn:
        await store_row(dsn)
    with sleeping_process(folder / "postgres") as living:
        for stale in ("cluster/postmaster.pid", ".s.PGSQL.5432.lock"):
            (folder / "postgres" / stale).write_text(pid_file.format(living=living))
        async with embedded_postgres.database(folder, "command") as dsn:
            assert await read_row(dsn) == 7


async def test_a_server_started_by_hand_is_left_alone(folder: Path) -> None:
    await fetch_from(folder)
    cluster = folder / "postgres" / "cluster"
    with sleeping_process(folder / "postgres", cwd=cluster) as stranger:
        (cluster / "postmaster.pid").write_text(f"{stranger}\n")
        with pytest.raises(EmbeddedRefused, match=rf"\(process {stranger}\) uses it: stop it first"):
            await fetch_from(folder)
        assert (cluster / "postmaster.pid").exists()


@pytest.mark.parametrize("role", ["command", "serve"])
async def test_a_second_process_joins_serve_and_leaves_its_server_running(
    folder: Path, role: embedded_postgres.Role
) -> None:
    async with embedded_postgres.database(folder, "serve") as owner_dsn:
        async with embedded_postgres.database(folder, role, wait_seconds=5) as guest_dsn:
            assert guest_dsn == owner_dsn
        assert await fetch_value(owner_dsn) == 1


async def test_a_command_waits_for_another_to_end(folder: Path) -> None:
    with database_holder(folder, "command") as owner:
        waiting = asyncio.create_task(fetch_from(folder))
        with pytest.raises(EmbeddedRefused, match=rf"process {owner.pid} uses the database.*: wait for it to end"):
            await fetch_from(folder, wait_seconds=0.2)
        assert not waiting.done()
        owner.stdin.close()  # type: ignore[union-attr]
        assert await waiting == 1


async def test_a_process_that_waits_for_a_killed_owner_gets_the_database(folder: Path) -> None:
    with database_holder(folder, "serve") as owner:
        owner.kill()
        owner.wait(PATIENCE_SECONDS)  # a server that has not yet noticed could still be joined
        async with embedded_postgres.database(folder, "serve") as dsn:
            assert await fetch_value(dsn) == 1
            assert (folder / "postgres.lock").read_text() == f"{os.getpid()}\n{dsn}"


async def test_a_path_too_long_for_a_socket_gets_a_short_one(folder: Path) -> None:
    server = await embedded_postgres.start(folder / ("y" * 120))
    assert await fetch_value(server.dsn) == 1
    assert server.socket_folder != server.folder
    await server.stop()
    assert not server.socket_folder.exists()


async def test_a_killed_initdb_is_repeated(folder: Path) -> None:
    (folder / "postgres" / "cluster.draft" / "base").mkdir(parents=True)
    assert await fetch_from(folder) == 1


@pytest.mark.parametrize(
    ("spoil", "advice"),
    [
        (
            lambda cluster: (cluster / "PG_VERSION").write_text("17\n"),
            "another version made this folder: dump it with that",
        ),
        (lambda cluster: (cluster / "PG_VERSION").unlink(), "the data is incomplete: move it away"),
        (
            lambda cluster: (cluster / "postgresql.conf").write_text("nonsense = 1\n"),
            r"the database server did not start: .*postgresql\.conf.*server\.log",
        ),
        (lambda cluster: (cluster / "global" / "pg_control").unlink(), "did not start"),
        (lambda cluster: os.chown(cluster, 4321, 4321), "the data belongs to another user: run as that user"),
    ],
    ids=["another version", "no cluster", "wrong setting", "damaged", "another owner"],
)
async def test_a_folder_that_cannot_serve_is_refused_with_advice(
    folder: Path, spoil: Callable[[Path], object], advice: str, request: pytest.FixtureRequest
) -> None:
    if os.geteuid() != 0 and request.node.callspec.id == "another owner":
        pytest.skip("only root can give a folder away")
    await fetch_from(folder)
    spoil(folder / "postgres" / "cluster")
    with pytest.raises(EmbeddedRefused, match=advice):
        await fetch_from(folder)
    assert not folder_processes(folder)


async def test_a_folder_that_cannot_be_made_is_refused_with_advice(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(EmbeddedRefused, match="set LIKE_LEDGER_DATA_DIR to a folder"):
        await fetch_from(folder / "file" / "below")


@needs_root
def test_a_folder_of_another_user_is_refused_with_advice(folder: Path) -> None:
    user = privileges.server_user(folder, sys.executable)
    user.take(folder)
    (folder / "postgres").mkdir(mode=0o700)  # root's, in the folder of another user
    command = [*user.prefix, sys.executable, "-c", HOLDER_SCRIPT, str(folder), "command"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "postgres belongs to another user: run as that user" in refused.stderr


async def test_missing_programs_are_named(folder: Path) -> None:
    with pytest.raises(EmbeddedRefused, match=r"reinstall embedded-postgres.*bin/initdb"):
        await embedded_postgres.start(folder, binaries=embedded_postgres.Binaries(folder / "bin"))


@needs_root
@pytest.mark.parametrize("mode", [0o700, 0o755], ids=["behind a closed folder", "in the open"])
async def test_root_runs_the_server_as_nobody(folder: Path, mode: int) -> None:
    before = set_mode(folder, mode)
    server = await embedded_postgres.start(folder / "data")
    try:
        assert psutil.Process(server.process.pid).username() == "nobody"
        assert await fetch_value(server.dsn) == 1
        assert owner_and_mode(folder) == before
    finally:
        await server.stop()


@needs_root
async def test_a_user_starts_a_server_and_root_may_start_it_later(folder: Path) -> None:
    user = privileges.server_user(folder, sys.executable)
    set_mode(folder, 0o711)
    (folder / "home").mkdir()
    user.take(folder / "home")
    for prefix in (user.prefix, (), user.prefix):
        with database_holder(folder / "home", "serve", prefix) as owner:
            running = folder_processes(folder / "home")
            assert {p.username() for p in running if p.pid != owner.pid} == {"nobody"}
        assert wait_until_ended(running)
