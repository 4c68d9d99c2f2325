"""The layout of the chart of likes per day: bars, grid lines and axis labels. Pure; the template writes the SVG."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from campaigns.pledging.waterfall import TermsDay

WIDTH, HEIGHT = 720, 250
LEFT, TOP, BOTTOM = 56, 22, 34  # margins for the labels
BARS_MAX = 92
_BAR_SHARE = 0.72  # of the width per bar; the rest is the gap
_BAR_WIDTH_MAX = 48
_STEPS = (1, 2, 5)
_GRID_LINES_MAX = 4


class Bar(NamedTuple):
    """The likes of one or several days: those that earn below, those over the daily cap on top."""

    first: date
    counted: int
    x: float
    width: float
    y: float
    height: float
    capped_y: float
    capped_height: float


class GridLine(NamedTuple):
    """A grid line and its level."""

    y: float
    level: int


class AxisLabel(NamedTuple):
    """A day's label below the bars."""

    x: float
    day: date
    anchor: str


class LikesChart(NamedTuple):
    """The whole chart, in SVG user units."""

    bars: list[Bar]
    grid_lines: list[GridLine]
    axis_labels: list[AxisLabel]
    days_per_bar: int
    width: int = WIDTH
    height: int = HEIGHT
    baseline_y: int = HEIGHT - BOTTOM

    @property
    def is_capped(self) -> bool:
        """Whether any day has likes over its cap."""
        return any(bar.capped_height for bar in self.bars)


class _DayGroup(NamedTuple):
    first: date
    counted: int
    capped: int


def draw_likes_chart(days: Sequence[TermsDay]) -> LikesChart:
    """Return the chart of the days, oldest first; a bar stands for several days if there are many."""
    per_bar = max(1, -(-len(days) // BARS_MAX))
    groups = [_group_days(days[n : n + per_bar]) for n in range(0, len(days), per_bar)]
    levels = scale_levels(max((group.counted for group in groups), default=0))
    bars = [_bar(group, index, len(groups), levels[-1]) for index, group in enumerate(groups)]
    day_labels = axis_labels([(bar.first, bar.x, bar.width) for bar in bars])
    return LikesChart(bars, [GridLine(y_of(level, levels[-1]), level) for level in levels], day_labels, per_bar)


def _group_days(days: Sequence[TermsDay]) -> _DayGroup:
    capped = sum(int(day.worth(day.capped).likes) for day in days)
    return _DayGroup(days[0].day, sum(day.count.counted for day in days), capped)


def scale_levels(figure_max: int) -> list[int]:
    """Return round levels from zero up to the first that no bar exceeds."""
    step = next(s * 10**power for power in range(20) for s in _STEPS if s * 10**power * _GRID_LINES_MAX >= figure_max)
    return [step * n for n in range(max(1, -(-figure_max // step)) + 1)]


def y_of(figure: int, level_max: int) -> float:
    """Return a figure's distance from the top of the chart; `level_max` is the highest level."""
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * figure / level_max, 1)


def _bar(day_group: _DayGroup, index: int, count: int, level_max: int) -> Bar:
    x, width = bar_position(index, count)
    y, capped_y = y_of(day_group.counted - day_group.capped, level_max), y_of(day_group.counted, level_max)
    height, capped_height = round(HEIGHT - BOTTOM - y, 1), round(y - capped_y, 1)
    return Bar(day_group.first, day_group.counted, x, width, y, height, capped_y, capped_height)


def bar_position(index: int, count: int) -> tuple[float, float]:
    """Return the left edge and the width of a bar."""
    slot = (WIDTH - LEFT) / count
    width = min(slot * _BAR_SHARE, _BAR_WIDTH_MAX)
    return round(LEFT + slot * index + (slot - width) / 2, 1), round(width, 1)


def axis_labels(bars: Sequence[tuple[date, float, float]]) -> list[AxisLabel]:
    """Return the labels of the first, the middle and the last bar; a bar is its day, left edge and width.

    More labels would overlap on a narrow screen.
    """
    indexes = sorted({0, len(bars) // 2, len(bars) - 1}) if bars else []
    return [
        AxisLabel(round(x + width / 2, 1), day, _text_anchor(n, len(bars)))
        for n in indexes
        for day, x, width in [bars[n]]
    ]


def _text_anchor(index: int, count: int) -> str:
    if count == 1:
        return "middle"
    return "start" if index == 0 else "end" if index == count - 1 else "middle"
