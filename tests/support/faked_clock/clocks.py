"""Whether the clock is faked everywhere: here, in another program, in the database's server."""

import os
import subprocess
from datetime import UTC, datetime, timedelta

from ops.clock import utc_now
from sql import Pool


async def test_every_process_has_the_faked_clock(pool: Pool) -> None:
    asked = datetime.fromtimestamp(float(os.environ["CLOCK_BEGAN_AT"]), UTC)
    program = subprocess.run(["date", "+%s"], capture_output=True, check=True)  # noqa: ASYNC221 - nothing else runs
    clocks = {
        "here": utc_now(),
        "a program": datetime.fromtimestamp(int(program.stdout), UTC),
        "the server": await pool.fetchval("SELECT clock_timestamp()"),
    }
    wrong = {name: shown for name, shown in clocks.items() if abs(shown - asked) > timedelta(minutes=3)}
    assert wrong == {}, f"the clock was set to {asked}"
