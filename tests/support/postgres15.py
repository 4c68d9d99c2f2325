"""Run a command beside the system's PostgreSQL 15, the oldest that is supported.

Usage: `python tests/support/postgres15.py pytest …`.
The command finds the server in LIKE_LEDGER_TEST_DATABASE_URL. Without a command, the address is printed until Ctrl-C.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # Python adds the folder of this file alone

from databases import SETTINGS, scratch_folder  # noqa: E402
from ops import embedded_postgres  # noqa: E402

FOLDER = Path(os.environ.get("POSTGRES15_BIN", "/usr/lib/postgresql/15/bin"))
# PostgreSQL has a sort order that no library changes from 17 on; this one works with every version.
BINARIES = embedded_postgres.Binaries(FOLDER, locale_options=("--locale=C.UTF-8",))


async def run(command: list[str]) -> int:
    """Return the command's exit status, or 0 after SIGTERM or Ctrl-C if there is no command."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with scratch_folder() as folder:
        server = await embedded_postgres.start(folder, settings=SETTINGS, binaries=BINARIES)
        try:
            return await run_beside(server.dsn, command, stop)
        finally:
            await server.stop()


async def run_beside(url: str, command: list[str], stop: asyncio.Event) -> int:
    """Return the exit status of the command, which gets the server's address in its environment."""
    if not command:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await stop.wait()
        return 0
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | {"LIKE_LEDGER_TEST_DATABASE_URL": url})
    stopping = asyncio.create_task(stop.wait())
    ending = asyncio.create_task(process.wait())
    await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
    if not ending.done():
        process.send_signal(signal.SIGINT)  # pytest then ends the programs that its tests started
    stopping.cancel()
    return await ending


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1:])))
