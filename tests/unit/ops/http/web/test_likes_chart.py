"""The drawing of likes a day: where its bars and lines stand."""

from datetime import date, timedelta

import pytest

from campaigns.pledging.waterfall import DayCount, TermsDay
from campaigns.promise.terms import Terms
from ops.http.web.likes_chart import BARS_MAX, HEIGHT, WIDTH, draw_likes_chart

FIRST = date(2026, 11, 1)


def days(*counted: int, cap: int | None = None) -> list[TermsDay]:
    terms = Terms(1, FIRST, 1, 1, cap)
    return [TermsDay(FIRST + timedelta(days=n), terms, DayCount(counted=likes)) for n, likes in enumerate(counted)]


@pytest.mark.parametrize(
    ("most", "levels"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (40, [0, 10, 20, 30, 40]),
        (2_391, [0, 1_000, 2_000, 3_000]),
        (10**9, [0, 5 * 10**8, 10**9]),
    ],
)
def test_the_scale_is_round_and_no_bar_exceeds_it(most: int, levels: list[int]) -> None:
    assert [line.level for line in draw_likes_chart(days(most, 0)).grid_lines] == levels


@pytest.mark.parametrize("count", [1, 2, 3, 31, 92, 93, 366, 3_660])
def test_any_number_of_days_fits(count: int) -> None:
    chart = draw_likes_chart(days(*range(count)))
    assert len(chart.bars) <= BARS_MAX
    assert len(chart.bars) * chart.days_per_bar >= count
    assert sum(bar.counted for bar in chart.bars) == sum(range(count))
    assert all(
        bar.x >= 0 and bar.x + bar.width <= WIDTH and 0 <= bar.capped_y <= bar.y <= HEIGHT for bar in chart.bars
    )
    assert all(after.x >= before.x + before.width for before, after in zip(chart.bars, chart.bars[1:], strict=False))


def test_likes_over_the_cap_stand_on_top() -> None:
    capped, below = draw_likes_chart(days(10, 5, cap=5)).bars
    assert (capped.y, capped.capped_height > 0, below.y, below.capped_height) == (below.y, True, capped.y, 0)
    assert (draw_likes_chart(days(10, cap=5)).is_capped, draw_likes_chart(days(5, cap=5)).is_capped) == (True, False)


def test_without_a_day_nothing_is_drawn() -> None:
    assert (draw_likes_chart([]).bars, draw_likes_chart([]).axis_labels) == ([], [])
