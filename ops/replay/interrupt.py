"""Ctrl-C and SIGTERM end a long command in order: what it holds is closed, and the caller may say how far it came."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_interruptibly(work: Coroutine[Any, Any, None]) -> bool:
    """Run it; return whether it came to its end by itself. A second signal does not wait for the order."""
    try:
        asyncio.run(_interruptible(work))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return False
    return True


async def _interruptible(work: Coroutine[Any, Any, None]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def end() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        if task is not None:
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    await work
