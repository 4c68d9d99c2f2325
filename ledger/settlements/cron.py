"""Days on which settlements fall due: a cron line in the campaign's time zone.

The only module that uses APScheduler's triggers. A digit for the weekday is refused, because cron
counts from Sunday and APScheduler from Monday; names are unambiguous.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from ledger.errors import CronRefused

_FIELD_COUNT = 5
_WEEKDAY_FIELD = 4


def parse_cron(cron: str, timezone: ZoneInfo) -> CronTrigger:
    """Return the trigger of a five-field cron line. Raises CronRefused if the line is invalid."""
    fields = cron.split()
    if len(fields) != _FIELD_COUNT:
        raise CronRefused("cron_needs_five_fields")
    if re.search(r"\d", fields[_WEEKDAY_FIELD]):
        raise CronRefused("cron_weekday_is_a_digit")
    try:
        return CronTrigger.from_crontab(cron, timezone=timezone)
    except ValueError as error:
        raise CronRefused("cron_unreadable", detail=str(error)) from error


def due_days(cron: str, timezone: ZoneInfo, start: datetime, until: datetime) -> Iterator[date]:
    """Yield every day in `timezone` on which the cron falls due from `start` to `until`, once."""
    trigger = parse_cron(cron, timezone)
    moment: datetime | None = trigger.get_next_fire_time(None, start.astimezone(timezone))
    while moment is not None and moment <= until:
        yield moment.date()
        next_midnight = datetime.combine(moment.date() + timedelta(days=1), time(), tzinfo=timezone)
        moment = trigger.get_next_fire_time(None, next_midnight)
