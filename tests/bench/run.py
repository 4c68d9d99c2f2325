"""One run of the benchmark: the chosen parts on one PostgreSQL, as a table and a file."""

import os
import platform
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import asyncpg
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ops import embedded_postgres
from tests.bench import figures
from tests.bench.figures import Figure
from tests.bench.processes import ROOT
from tests.bench.stage import Postgres

RESULTS = ROOT / "bench-results"
_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size")


@dataclass(frozen=True, slots=True)
class Sizes:
    """The amounts of everything."""

    rounds: int
    likes: int  # a round
    naive_likes: int
    singles: int  # a round
    few_likes: int  # stored
    many_likes: int  # stored
    reading_seconds: float
    endurance_likes: int
    leaves: int  # of the log for proofs and the verifier


FULL = Sizes(5, 100_000, 5_000, 8_000, 1_000_000, 10_000_000, 5, 1_000_000, 200_000)
QUICK = Sizes(3, 30_000, 1_500, 2_500, 100_000, 1_000_000, 2, 150_000, 30_000)


@dataclass(frozen=True, slots=True)
class Bench:
    """The resources of every part."""

    postgres: Postgres
    folder: Path
    sizes: Sizes
    progress: Progress


Part = Callable[[Bench], Awaitable[list[Figure]]]


async def run(
    parts: dict[str, Part], sizes: Sizes, database_url: str | None, now: datetime, console: Console
) -> bool:
    """Measure, print, write; return whether every bar was reached."""
    measured: list[Figure] = []
    load_before = os.getloadavg()
    async with _postgres(database_url) as (postgres, folder):
        with _bars(console) as progress:
            for name, part in parts.items():
                task = progress.add_task(name, total=None)
                measured += await part(Bench(postgres, folder, sizes, progress))
                progress.update(task, total=1, completed=1)
        settings = await _settings(postgres)
    figures.print_table(console, measured)
    file = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}
    loads = {"load_before": load_before, "load_after": os.getloadavg()}
    head = {"at": now, "sizes": asdict(sizes), "machine": machine | loads, "postgresql": settings}
    file.write_bytes(
        orjson.dumps(head | {"figures": [figure.as_json() for figure in measured]}, option=orjson.OPT_INDENT_2)
    )
    console.print(f"{file.relative_to(ROOT)}; load of the machine before: {load_before[0]:.1f}")
    return all(figure.is_met is not False for figure in measured)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True
    )


@asynccontextmanager
async def _postgres(database_url: str | None) -> AsyncIterator[tuple[Postgres, Path]]:
    """Yield the given server, or the embedded one with the product's settings, on this disk."""
    folder = _scratch()
    try:
        if database_url is not None:
            yield Postgres(database_url), folder
            return
        async with embedded_postgres.database(folder / "database", role="command") as dsn:
            yield Postgres(dsn), folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _scratch() -> Path:
    """Return a new folder that the embedded server's user can read."""
    RESULTS.mkdir(exist_ok=True)
    folder = Path(mkdtemp(prefix="run-", dir=RESULTS))
    folder.chmod(0o755)
    return folder


async def _settings(postgres: Postgres) -> dict[str, Any]:
    conn = await asyncpg.connect(postgres.dsn)
    try:
        return {name: await conn.fetchval(f"SHOW {name}") for name in _SETTINGS}
    finally:
        await conn.close()
