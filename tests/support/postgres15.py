"""Run a command beside the system's PostgreSQL 15: `python tests/support/postgres15.py pytest …`.

The command finds the server in LIKE_LEDGER_TEST_DATABASE_URL; without a command the address is printed, until Ctrl-C.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the folder of this file is on the path, the project's is not

from databases import SETTINGS, scratch_folder  # noqa: E402
from ops import embedded  # noqa: E402

MAJOR = 15
FOLDER = Path(os.environ.get("POSTGRES15_BIN", f"/usr/lib/postgresql/{MAJOR}/bin"))


async def run(command: list[str]) -> int:
    """Return the command's exit status, or 0 once told to stop where there is none."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with scratch_folder() as folder:
        server = await embedded.start(folder, settings=SETTINGS, binaries=embedded.Binaries(FOLDER, MAJOR))
        try:
            return await beside(server.dsn, command, stop)
        finally:
            await server.stop()


async def beside(url: str, command: list[str], stop: asyncio.Event) -> int:
    """Run the command with the server's address in its environment."""
    if not command:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await stop.wait()
        return 0
    started = await asyncio.create_subprocess_exec(*command, env=os.environ | {"LIKE_LEDGER_TEST_DATABASE_URL": url})
    told = asyncio.create_task(stop.wait())
    ended = asyncio.create_task(started.wait())
    await asyncio.wait({told, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        started.send_signal(signal.SIGINT)  # pytest then ends what its tests started
    told.cancel()
    return await ended


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1:])))
