"""Days on which settlements fall due: a cron line in the campaign's time zone.

The only module that uses APScheduler's triggers. A digit for the weekday is refused, because cron
counts from Sunday and APScheduler from Monday; names are unambiguous.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from ledger.errors import CronRefused

_FIELD_COUNT = 5
_WEEKDAY_FIELD = 4


def parse_cron(cron: str) -> CronTrigger:
    """Return the trigger of a five-field cron line, on a clock without changes.

    Raises CronRefused if the line is invalid.
    """
    fields = cron.split()
    if len(fields) != _FIELD_COUNT:
        raise CronRefused("cron_needs_five_fields")
    if re.search(r"\d", fields[_WEEKDAY_FIELD]):
        raise CronRefused("cron_weekday_is_a_digit")
    try:
        return CronTrigger.from_crontab(cron, timezone=UTC)
    except ValueError as error:
        raise CronRefused("cron_unreadable", detail=str(error)) from error


def due_days(cron: str, timezone: ZoneInfo, start: datetime, until: datetime) -> Iterator[date]:
    """Yield every day in `timezone` on which the cron falls due from `start` to `until`, once.

    The cron is read on a clock without gaps. A wall time that a clock change skips falls due when the
    clock would have shown it, so a change at midnight loses no day (PEP 495, fold 0).
    """
    trigger = parse_cron(cron)
    wall_time = trigger.get_next_fire_time(None, datetime.combine(start.astimezone(timezone), time(), tzinfo=UTC))
    while wall_time is not None and (moment := _moment_of(wall_time, timezone)) <= until:
        after = wall_time + timedelta(minutes=1)
        if moment >= start:
            yield wall_time.date()
            after = datetime.combine(wall_time.date() + timedelta(days=1), time(), tzinfo=UTC)
        wall_time = trigger.get_next_fire_time(None, after)


def due_moment(cron: str, timezone: ZoneInfo, day: date) -> datetime:
    """Return the first moment of a due day on which the cron falls due."""
    wall_time = parse_cron(cron).get_next_fire_time(None, datetime.combine(day, time(), tzinfo=UTC))
    if wall_time is None or wall_time.date() != day:
        raise ValueError(f"{cron} does not fall due on {day}")
    return _moment_of(wall_time, timezone)


def _moment_of(wall_time: datetime, timezone: ZoneInfo) -> datetime:
    """Return when a clock in `timezone` shows a wall time, the first time if it shows it twice."""
    return wall_time.replace(tzinfo=timezone).astimezone(UTC)
