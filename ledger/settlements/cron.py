"""When settlements fall due: a cron line in the campaign's own time zone. Only here are APScheduler's triggers known.

A digit for the weekday is refused: cron counts from Sunday, APScheduler from Monday, so a digit would mean
another day to each reader. Names mean the same to everybody.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

_FIELD_COUNT = 5
_WEEKDAY_FIELD = 4


def parse_cron(cron: str, timezone: ZoneInfo) -> CronTrigger:
    """Return the trigger of a five-field cron line; ValueError that says what is wrong."""
    fields = cron.split()
    if len(fields) != _FIELD_COUNT:
        raise ValueError("a cron line has five fields: minute hour day month weekday")
    if re.search(r"\d", fields[_WEEKDAY_FIELD]):
        raise ValueError("name the weekday (mon, tue … or *): programs disagree on which day a digit is")
    try:
        return CronTrigger.from_crontab(cron, timezone=timezone)
    except ValueError as error:
        raise ValueError(f"it cannot be read: {error}") from error


def due_days(cron: str, timezone: ZoneInfo, start: datetime, until: datetime) -> Iterator[date]:
    """Yield the days, in that time zone, on which a cron line falls due from `start` to `until`: each day once."""
    fires = parse_cron(cron, timezone)
    moment: datetime | None = fires.get_next_fire_time(None, start.astimezone(timezone))
    while moment is not None and moment <= until:
        yield moment.date()
        following = datetime.combine(moment.date() + timedelta(days=1), time(), tzinfo=timezone)
        moment = fires.get_next_fire_time(None, following)
