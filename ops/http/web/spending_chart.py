"""The layout of a preview's two charts: spending per day with its cap, and the running total. Pure.

The template writes the SVG; positions and levels are computed as for the chart of likes per day.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from campaigns.preview.simulation import BindingCap, Preview, SpendingDay
from ops.http.web.likes_chart import (
    BARS_MAX,
    HEIGHT,
    LEFT,
    WIDTH,
    AxisLabel,
    GridLine,
    axis_labels,
    bar_position,
    scale_levels,
    y_of,
)

_CAP_RATIO_MAX = 2  # a higher cap is not drawn: it would flatten the bars


class SpendingBar(NamedTuple):
    """The spending of one or several days; `cap_y` is None without a cap or if it lies above the chart."""

    first: date
    spent_minor: int
    binds: BindingCap
    x: float
    width: float
    y: float
    height: float
    cap_y: float | None


class RunningTotal(NamedTuple):
    """The total spent by the end of each day; `points` is for an SVG polyline."""

    points: str
    grid_lines: list[GridLine]
    budget_y: float | None
    budget_ends_x: float | None  # the day on which the budget ends


class SpendingChart(NamedTuple):
    """Both charts, in SVG user units."""

    bars: list[SpendingBar]
    grid_lines: list[GridLine]
    axis_labels: list[AxisLabel]
    running_total: RunningTotal
    days_per_bar: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT

    @property
    def binding_kinds(self) -> list[BindingCap]:
        """The caps that bind any bar, for the legend."""
        return [binds for binds in BindingCap if any(bar.binds is binds for bar in self.bars)]

    @property
    def has_caps(self) -> bool:
        """Whether any bar shows its cap."""
        return any(bar.cap_y is not None for bar in self.bars)


class _DayGroup(NamedTuple):
    days: Sequence[SpendingDay]

    @property
    def first(self) -> date:
        return self.days[0].day.day

    @property
    def spent_minor(self) -> int:
        return sum(day.spent_minor for day in self.days)

    @property
    def so_far_minor(self) -> int:
        return self.days[-1].so_far_minor

    @property
    def cap_minor(self) -> int | None:
        caps = [day.day.terms.daily_cap_minor for day in self.days]
        return None if None in caps else sum(cap for cap in caps if cap is not None)

    @property
    def binds(self) -> BindingCap:
        binding = {day.binding_cap for day in self.days}
        return next(
            (binds for binds in (BindingCap.BUDGET, BindingCap.DAILY_CAP) if binds in binding), BindingCap.NONE
        )


def draw_spending_chart(preview: Preview) -> SpendingChart:
    """Return the charts of a preview; a bar stands for several days if there are many."""
    per_bar = max(1, -(-len(preview.days) // BARS_MAX))
    groups = [_DayGroup(preview.days[n : n + per_bar]) for n in range(0, len(preview.days), per_bar)]
    levels = scale_levels(_chart_top_minor(groups))
    bars = [_bar(group, index, len(groups), levels[-1]) for index, group in enumerate(groups)]
    day_labels = axis_labels([(bar.first, bar.x, bar.width) for bar in bars])
    running_total = _draw_running_total(preview, groups, bars)
    return SpendingChart(bars, _grid_lines(levels), day_labels, running_total, per_bar)


def _chart_top_minor(groups: Sequence[_DayGroup]) -> int:
    spent_max = max((group.spent_minor for group in groups), default=0)
    caps = [group.cap_minor for group in groups if group.cap_minor is not None]
    return max([spent_max, *(cap for cap in caps if cap <= _CAP_RATIO_MAX * spent_max)])


def _grid_lines(levels: Sequence[int]) -> list[GridLine]:
    return [GridLine(y_of(minor, levels[-1]), minor) for minor in levels]


def _bar(day_group: _DayGroup, index: int, count: int, level_max: int) -> SpendingBar:
    x, width = bar_position(index, count)
    y = y_of(day_group.spent_minor, level_max)
    height = round(y_of(0, level_max) - y, 1)
    cap = day_group.cap_minor
    cap_y = y_of(cap, level_max) if cap is not None and cap <= level_max else None
    return SpendingBar(day_group.first, day_group.spent_minor, day_group.binds, x, width, y, height, cap_y)


def _draw_running_total(
    preview: Preview, day_groups: Sequence[_DayGroup], bars: Sequence[SpendingBar]
) -> RunningTotal:
    """Return the running total; the budget's line is left out if it lies far above."""
    is_near = preview.funded_minor <= _CAP_RATIO_MAX * preview.due_minor
    levels = scale_levels(max(preview.due_minor, preview.funded_minor if is_near else 0))
    ends = [round(bar.x + bar.width, 1) for bar in bars]
    steps = [(group.so_far_minor, x) for group, x in zip(day_groups, ends, strict=True)]
    points = " ".join(f"{x},{y_of(minor, levels[-1])}" for minor, x in [(0, LEFT), *steps])
    ends_x = (
        next((x for minor, x in steps if minor == preview.funded_minor), None) if preview.budget_ends_on else None
    )
    return RunningTotal(
        points, _grid_lines(levels), y_of(preview.funded_minor, levels[-1]) if is_near else None, ends_x
    )
