"""(i) Leaves a second by the stranger's verifier, out of a folder and from a running service, beside hashing them."""

from typing import Any

import orjson

from tests.bench import processes
from tests.bench.figures import Bar, Figure
from tests.bench.processes import BenchFailed
from tests.bench.run import Bench
from tests.bench.stage import Service

_BAR = Bar(round(1_000_000 / 60))  # a million leaves in a minute
_SECONDS_MAX = 600


async def measure(bench: Bench, service: Service, size: int) -> list[Figure]:
    """Measure (i) on the log of a service, and on the same as the bench's folder `log` holds it."""
    folder, url = str(bench.folder / "log"), f"http://127.0.0.1:{service.intake.port}"
    errands = {"folder": ("verify", folder), "service": ("verify", url), "hash": ("hash", folder)}
    rates: dict[str, list[float]] = {name: [] for name in errands}
    peaks = dict.fromkeys(errands, 0.0)
    task = bench.progress.add_task("i: rounds", total=bench.sizes.rounds)
    for _ in range(bench.sizes.rounds):
        for name, (what, where) in errands.items():
            found = await _run(bench, what, where, size)
            rates[name].append(size / found["seconds"])
            peaks[name] = max(peaks[name], found["peak_bytes"] / 2**20)
        bench.progress.advance(task)
    details, beside = {"leaves": size, "peak_mebibytes": peaks}, "the same leaves hashed"
    figures = []
    for name in ("folder", "service"):
        what = f"leaves verified from a {name}"
        figures.append(Figure("i", what, "leaves/s", rates[name], bar=_BAR, details=details))
        figures.append(Figure("i", what, "leaves/s", rates[name], beside, rates["hash"]))
    return figures


async def _run(bench: Bench, task: str, source: str, size: int) -> dict[str, Any]:
    async with processes.running_module(bench.folder, "tests.bench.checker", task, source) as child:
        found: dict[str, Any] = orjson.loads(await child.line(_SECONDS_MAX))
    if found["leaves"] != size:
        raise BenchFailed(f"{found['leaves']} leaves were verified, and there are {size}")
    return found
