"""`python -m tests.bench`: measure the service and its yardsticks; status 1 if a bar is missed."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
from rich.console import Console

from ops.clock import utc_now
from tests.bench import endurance, intake, logcost, proofs, reading, singles, stored
from tests.bench.processes import BenchFailed
from tests.bench.run import FULL, QUICK, Part, run

PARTS: dict[str, Part] = {
    "a": intake.measure,
    "b": singles.measure,
    "c": stored.measure,
    "d": reading.measure,
    "ef": endurance.measure,
    "g": logcost.measure,
    "hi": proofs.measure,
}
_WIDTH_MIN = 150


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: a minute or two.")] = False,  # noqa: FBT002 - typer
    only: Annotated[str, typer.Option(help="Parts, separated by commas: a,b,c … i.")] = "a,b,c,d,e,f,g,h,i",
    database_url: Annotated[
        str | None, typer.Option(help="Address of a PostgreSQL superuser; default: the embedded server.")
    ] = None,
) -> None:
    """Measure (a) batches, (b) single likes, (c) a full table, (d) reading, (e) memory,

    (f) tick lag, (g) the cost of the public log, (h) proofs, (i) the verifier.
    """
    letters = set(only.split(","))
    if unknown := letters - set("abcdefghi"):
        raise typer.BadParameter(f"no such part: {', '.join(sorted(unknown))}", param_hint="--only")
    parts = {name: part for name, part in PARTS.items() if letters & set(name)}
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH_MIN
    try:
        is_met = asyncio.run(
            _run_until_signalled(run(parts, QUICK if quick else FULL, database_url, utc_now(), console))
        )
    except BenchFailed as error:
        console.print(f"Nothing measured: {error}", style="red", markup=False)
        raise typer.Exit(2) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None
    raise typer.Exit(0 if is_met else 1)


async def _run_until_signalled(work: Coroutine[Any, Any, bool]) -> bool:
    """Run to the end, or cancel on SIGTERM or Ctrl-C; processes are ended either way."""
    task = asyncio.ensure_future(work)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, task.cancel)
    return await task


if __name__ == "__main__":
    typer.run(bench)
