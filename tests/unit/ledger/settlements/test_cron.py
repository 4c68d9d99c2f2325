"""Cron lines of settlements: unambiguous, in the campaign's time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ledger.errors import CronRefused
from ledger.settlements.cron import parse_cron

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 3 * * mon", datetime(2026, 11, 30, 3, tzinfo=SHANGHAI)),
        ("0 3 * * sun", datetime(2026, 11, 29, 3, tzinfo=SHANGHAI)),
        ("0 3 * * mon-fri", datetime(2026, 11, 24, 3, tzinfo=SHANGHAI)),
        ("30 0 1 * *", datetime(2026, 12, 1, 0, 30, tzinfo=SHANGHAI)),
        ("*/20 * * * *", datetime(2026, 11, 23, 16, 20, tzinfo=SHANGHAI)),
    ],
)
def test_a_line_applies_in_the_campaigns_time_zone(cron: str, expected: datetime):
    monday = datetime(2026, 11, 23, 8, 1, tzinfo=UTC)
    assert parse_cron(cron, SHANGHAI).get_next_fire_time(None, monday) == expected


@pytest.mark.parametrize("weekday", ["1", "0", "7", "1-5", "mon,3", "*/2", "٣"])
def test_a_digit_for_the_weekday_is_refused(weekday: str):
    with pytest.raises(CronRefused, match=r"^cron_weekday_is_a_digit$"):
        parse_cron(f"0 3 * * {weekday}", SHANGHAI)


@pytest.mark.parametrize("cron", ["", "* * * *", "0 3 * * mon *", "@daily"])
def test_a_line_has_five_fields(cron: str):
    with pytest.raises(CronRefused, match=r"^cron_needs_five_fields$"):
        parse_cron(cron, SHANGHAI)


@pytest.mark.parametrize(
    "cron", ["60 3 * * mon", "0 24 * * mon", "0 3 32 * *", "0 3 * 13 *", "0 3 * * someday", "a b c d e"]
)
def test_a_field_out_of_its_range_is_refused(cron: str):
    with pytest.raises(CronRefused, match=r"^cron_unreadable: detail="):
        parse_cron(cron, SHANGHAI)
