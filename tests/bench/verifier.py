"""(i) Leaves a second by the verifier, from a folder and a service, beside hashing them."""

from typing import Any

import orjson

from tests.bench import processes
from tests.bench.figures import Bar, Figure
from tests.bench.processes import BenchFailed
from tests.bench.run import Bench
from tests.bench.stage import Service

_BAR = Bar(round(1_000_000 / 60))  # a million leaves a minute
_SECONDS_MAX = 600


async def measure(bench: Bench, service: Service, size: int) -> list[Figure]:
    """Measure (i) on a service's log, and on its copy in the bench's folder `log`."""
    folder, url = str(bench.folder / "log"), f"http://127.0.0.1:{service.intake.port}"
    tasks = {"folder": ("verify", folder), "service": ("verify", url), "hash": ("hash", folder)}
    rates: dict[str, list[float]] = {name: [] for name in tasks}
    peaks = dict.fromkeys(tasks, 0.0)
    task = bench.progress.add_task("i: rounds", total=bench.sizes.rounds)
    for _ in range(bench.sizes.rounds):
        for name, (command, source) in tasks.items():
            result = await _run(bench, command, source, size)
            rates[name].append(size / result["seconds"])
            peaks[name] = max(peaks[name], result["peak_bytes"] / 2**20)
        bench.progress.advance(task)
    details, yardstick = {"leaves": size, "peak_mebibytes": peaks}, "the same leaves hashed"
    figures = []
    for name in ("folder", "service"):
        figure_name = f"leaves verified from a {name}"
        figures.append(Figure("i", figure_name, "leaves/s", rates[name], bar=_BAR, details=details))
        figures.append(Figure("i", figure_name, "leaves/s", rates[name], yardstick, rates["hash"]))
    return figures


async def _run(bench: Bench, task: str, source: str, size: int) -> dict[str, Any]:
    async with processes.running_module(bench.folder, "tests.bench.checker", task, source) as child:
        result: dict[str, Any] = orjson.loads(await child.line(_SECONDS_MAX))
    if result["leaves"] != size:
        raise BenchFailed(f"{result['leaves']} leaves were verified instead of {size}")
    return result
