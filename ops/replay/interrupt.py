"""Stop a long command on Ctrl-C and SIGTERM so that it closes what it opened."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_interruptibly(work: Coroutine[Any, Any, None]) -> bool:
    """Run to the end; return False if interrupted. A second signal stops at once."""
    try:
        asyncio.run(_interruptible(work))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return False
    return True


async def _interruptible(work: Coroutine[Any, Any, None]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel_work() -> None:
        for signal_number in _SIGNALS:
            loop.remove_signal_handler(signal_number)
        if task is not None:
            task.cancel()

    for signal_number in _SIGNALS:
        loop.add_signal_handler(signal_number, cancel_work)
    await work
