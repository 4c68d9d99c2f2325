"""When settlements fall due: a cron line in the campaign's own time zone, by APScheduler's trigger.

A digit for the weekday is refused: cron counts from Sunday, APScheduler from Monday, so a digit would mean
another day to each reader. Names mean the same to everybody.
"""

import re
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

_FIELDS = 5
_WEEKDAY = 4


def trigger(cron: str, timezone: ZoneInfo) -> CronTrigger:
    """Return the trigger of a five-field cron line; ValueError that says what is wrong."""
    fields = cron.split()
    if len(fields) != _FIELDS:
        raise ValueError("a cron line has five fields: minute hour day month weekday")
    if re.search(r"\d", fields[_WEEKDAY]):
        raise ValueError("name the weekday (mon, tue … or *): programs disagree on which day a digit is")
    return CronTrigger.from_crontab(cron, timezone=timezone)
