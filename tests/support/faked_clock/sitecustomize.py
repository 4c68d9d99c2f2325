"""Let `time.sleep` work under libfaketime 0.9.10, which mistakes its wait on the monotonic clock for a date."""

import select
import time


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = _sleep
