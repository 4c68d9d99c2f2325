"""The drawing of a preview: what is spent each day under its cap, and in all towards the budget. Pure.

The template writes the SVG; places and levels are those of the drawing of likes a day.
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

_CAP_RATIO_MAX = 2  # a cap that lies further above all bars is left to the table, or the bars would be slivers


class SpendingBar(NamedTuple):
    """A day, or several; `cap_y` is None where a day has no cap, or where it lies above the drawing."""

    first: date
    spent_minor: int
    binds: BindingCap
    x: float
    width: float
    y: float
    height: float
    cap_y: float | None


class RunningTotal(NamedTuple):
    """What is spent in all by each day's end: `points` as SVG's polyline takes them."""

    points: str
    grid_lines: list[GridLine]
    budget_y: float | None
    budget_ends_x: float | None  # where the budget ends


class SpendingChart(NamedTuple):
    """Both drawings, one below the other; in units of their own."""

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
        """What the bars' kinds are, for the legend."""
        return [binds for binds in BindingCap if any(bar.binds is binds for bar in self.bars)]

    @property
    def has_caps(self) -> bool:
        """Whether any cap is drawn."""
        return any(bar.cap_y is not None for bar in self.bars)


class _DayGroup(NamedTuple):
    days: Sequence[SpendingDay]

    @property
    def first(self) -> date:
        return self.days[0].day.day

    @property
    def spent_minor(self) -> int:
        return sum(each.spent_minor for each in self.days)

    @property
    def so_far_minor(self) -> int:
        return self.days[-1].so_far_minor

    @property
    def cap_minor(self) -> int | None:
        caps = [each.day.terms.daily_cap_minor for each in self.days]
        return None if None in caps else sum(cap for cap in caps if cap is not None)

    @property
    def binds(self) -> BindingCap:
        bound = {each.binding_cap for each in self.days}
        return next((binds for binds in (BindingCap.BUDGET, BindingCap.DAILY_CAP) if binds in bound), BindingCap.NONE)


def draw_spending_chart(preview: Preview) -> SpendingChart:
    """Lay out a preview's days, oldest first; several days a bar where there are many."""
    per_bar = max(1, -(-len(preview.days) // BARS_MAX))
    piles = [_DayGroup(preview.days[n : n + per_bar]) for n in range(0, len(preview.days), per_bar)]
    most_minor = max((pile.spent_minor for pile in piles), default=0)
    caps = [pile.cap_minor for pile in piles if pile.cap_minor is not None]
    scale = scale_levels(max([most_minor, *(cap for cap in caps if cap <= _CAP_RATIO_MAX * most_minor)]))
    bars = [_bar(pile, place, len(piles), scale[-1]) for place, pile in enumerate(piles)]
    letters = axis_labels([(bar.first, bar.x, bar.width) for bar in bars])
    return SpendingChart(bars, _grid_lines(scale), letters, _draw_running_total(preview, piles, bars), per_bar)


def _grid_lines(scale: Sequence[int]) -> list[GridLine]:
    return [GridLine(y_of(minor, scale[-1]), minor) for minor in scale]


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
    """Lay out the running total; the budget's line where it is near enough to be seen beside it."""
    is_near = preview.funded_minor <= _CAP_RATIO_MAX * preview.due_minor
    scale = scale_levels(max(preview.due_minor, preview.funded_minor if is_near else 0))
    ends = [round(bar.x + bar.width, 1) for bar in bars]
    steps = [(pile.so_far_minor, x) for pile, x in zip(day_groups, ends, strict=True)]
    points = " ".join(f"{x},{y_of(minor, scale[-1])}" for minor, x in [(0, LEFT), *steps])
    ends_x = (
        next((x for minor, x in steps if minor == preview.funded_minor), None) if preview.budget_ends_on else None
    )
    return RunningTotal(
        points, _grid_lines(scale), y_of(preview.funded_minor, scale[-1]) if is_near else None, ends_x
    )
