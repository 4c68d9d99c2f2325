"""The drawing of a preview: what is spent each day under its cap, and in all towards the budget. Pure.

The template writes the SVG; places and levels are those of the drawing of likes a day.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from campaigns.preview.simulation import Binds, Preview, SpendingDay
from ops.http.web.likes_chart import (
    BARS_MAX,
    HEIGHT,
    LEFT,
    WIDTH,
    Letters,
    Line,
    height_of,
    letters_below,
    levels,
    place_of,
)

_TIMES_SPENT = 2  # a cap that lies further above all bars is left to the table, or the bars would be slivers


class SpendBar(NamedTuple):
    """A day, or several; `cap_y` is None where a day has no cap, or where it lies above the drawing."""

    first: date
    spent_minor: int
    binds: Binds
    x: float
    width: float
    y: float
    height: float
    cap_y: float | None


class Course(NamedTuple):
    """What is spent in all by each day's end: `points` as SVG's polyline takes them."""

    points: str
    lines: list[Line]
    budget_y: float | None
    ends_x: float | None  # where the budget ends


class Spending(NamedTuple):
    """Both drawings, one below the other; in units of their own."""

    bars: list[SpendBar]
    lines: list[Line]
    letters: list[Letters]
    course: Course
    days_per_bar: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT

    @property
    def binding(self) -> list[Binds]:
        """What the bars' kinds are, for the legend."""
        return [binds for binds in Binds if any(bar.binds is binds for bar in self.bars)]

    @property
    def has_caps(self) -> bool:
        """Whether any cap is drawn."""
        return any(bar.cap_y is not None for bar in self.bars)


class _Pile(NamedTuple):
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
    def binds(self) -> Binds:
        bound = {each.binds for each in self.days}
        return next((binds for binds in (Binds.BUDGET, Binds.DAILY_CAP) if binds in bound), Binds.NONE)


def draw(made: Preview) -> Spending:
    """Lay out a preview's days, oldest first; several days a bar where there are many."""
    per_bar = max(1, -(-len(made.days) // BARS_MAX))
    piles = [_Pile(made.days[n : n + per_bar]) for n in range(0, len(made.days), per_bar)]
    most_minor = max((pile.spent_minor for pile in piles), default=0)
    caps = [pile.cap_minor for pile in piles if pile.cap_minor is not None]
    scale = levels(max([most_minor, *(cap for cap in caps if cap <= _TIMES_SPENT * most_minor)]))
    bars = [_bar(pile, place, len(piles), scale[-1]) for place, pile in enumerate(piles)]
    letters = letters_below([(bar.first, bar.x, bar.width) for bar in bars])
    return Spending(bars, _lines(scale), letters, _course(made, piles, bars), per_bar)


def _lines(scale: Sequence[int]) -> list[Line]:
    return [Line(height_of(minor, scale[-1]), minor) for minor in scale]


def _bar(pile: _Pile, place: int, places: int, top: int) -> SpendBar:
    x, width = place_of(place, places)
    y = height_of(pile.spent_minor, top)
    height = round(height_of(0, top) - y, 1)
    cap = pile.cap_minor
    cap_y = height_of(cap, top) if cap is not None and cap <= top else None
    return SpendBar(pile.first, pile.spent_minor, pile.binds, x, width, y, height, cap_y)


def _course(made: Preview, piles: Sequence[_Pile], bars: Sequence[SpendBar]) -> Course:
    """Lay out the running total; the budget's line where it is near enough to be seen beside it."""
    is_near = made.funded_minor <= _TIMES_SPENT * made.due_minor
    scale = levels(max(made.due_minor, made.funded_minor if is_near else 0))
    ends = [round(bar.x + bar.width, 1) for bar in bars]
    steps = [(pile.so_far_minor, x) for pile, x in zip(piles, ends, strict=True)]
    points = " ".join(f"{x},{height_of(minor, scale[-1])}" for minor, x in [(0, LEFT), *steps])
    ends_x = next((x for minor, x in steps if minor == made.funded_minor), None) if made.budget_ends_on else None
    return Course(points, _lines(scale), height_of(made.funded_minor, scale[-1]) if is_near else None, ends_x)
