"""The drawing of likes a day: where its bars, lines and letters stand. Pure; the template writes the SVG."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from campaigns.pledging.waterfall import TermsDay

WIDTH, HEIGHT = 720, 250
LEFT, TOP, BOTTOM = 56, 22, 34  # room for the letters
BARS_MAX = 92
_BAR_SHARE = 0.72  # of a day's place; the rest is air
_STEPS = (1, 2, 5)
_GRID_LINES_MAX = 4


class Bar(NamedTuple):
    """A day, or several: the likes that earn below, those over the daily cap on top."""

    first: date
    counted: int
    x: float
    width: float
    y: float
    height: float
    capped_y: float
    capped_height: float


class GridLine(NamedTuple):
    """A level of the scale."""

    y: float
    level: int


class AxisLabel(NamedTuple):
    """A day's name below the bars."""

    x: float
    day: date
    anchor: str


class LikesChart(NamedTuple):
    """The whole drawing, in units of its own."""

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
    """Lay out the bars of the days given, oldest first; several days a bar where there are many."""
    per_bar = max(1, -(-len(days) // BARS_MAX))
    piles = [_group_days(days[n : n + per_bar]) for n in range(0, len(days), per_bar)]
    scale = scale_levels(max((pile.counted for pile in piles), default=0))
    bars = [_bar(pile, place, len(piles), scale[-1]) for place, pile in enumerate(piles)]
    letters = axis_labels([(bar.first, bar.x, bar.width) for bar in bars])
    return LikesChart(bars, [GridLine(y_of(likes, scale[-1]), likes) for likes in scale], letters, per_bar)


def _group_days(days: Sequence[TermsDay]) -> _DayGroup:
    capped = sum(int(day.worth(day.capped).likes) for day in days)
    return _DayGroup(days[0].day, sum(day.count.counted for day in days), capped)


def scale_levels(figure_max: int) -> list[int]:
    """Return round levels from zero up; the last one is the first that no bar exceeds."""
    step = next(s * 10**power for power in range(20) for s in _STEPS if s * 10**power * _GRID_LINES_MAX >= figure_max)
    return [step * n for n in range(max(1, -(-figure_max // step)) + 1)]


def y_of(figure: int, level_max: int) -> float:
    """Return where a figure stands, from the top of the drawing; `top` is the last of the levels."""
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * figure / level_max, 1)


def _bar(day_group: _DayGroup, index: int, count: int, level_max: int) -> Bar:
    x, width = bar_position(index, count)
    y, capped_y = y_of(day_group.counted - day_group.capped, level_max), y_of(day_group.counted, level_max)
    height, capped_height = round(HEIGHT - BOTTOM - y, 1), round(y - capped_y, 1)
    return Bar(day_group.first, day_group.counted, x, width, y, height, capped_y, capped_height)


def bar_position(index: int, count: int) -> tuple[float, float]:
    """Return where a bar begins, and its width."""
    room = (WIDTH - LEFT) / count
    width = min(room * _BAR_SHARE, 48)
    return round(LEFT + room * index + (room - width) / 2, 1), round(width, 1)


def axis_labels(bars: Sequence[tuple[date, float, float]]) -> list[AxisLabel]:
    """Name the first, the middle and the last of the bars, given by day, place and width.

    More would run into each other on a narrow screen.
    """
    shown = sorted({0, len(bars) // 2, len(bars) - 1}) if bars else []
    return [
        AxisLabel(round(x + width / 2, 1), day, _text_anchor(n, len(bars)))
        for n in shown
        for day, x, width in [bars[n]]
    ]


def _text_anchor(index: int, count: int) -> str:
    if count == 1:
        return "middle"
    return "start" if index == 0 else "end" if index == count - 1 else "middle"
