"""The drawing of likes a day: where its bars, lines and letters stand. Pure; the template writes the SVG."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from campaigns.pledging.waterfall import Day

WIDTH, HEIGHT = 720, 250
LEFT, TOP, FOOT = 56, 22, 34  # room for the letters
BARS_MAX = 92
_BAR_SHARE = 0.72  # of a day's place; the rest is air
_STEPS = (1, 2, 5)
_LINES_MAX = 4


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


class Line(NamedTuple):
    """A level of the scale."""

    y: float
    likes: int


class Letters(NamedTuple):
    """A day's name below the bars."""

    x: float
    day: date
    anchor: str


class Chart(NamedTuple):
    """The whole drawing, in units of its own."""

    bars: list[Bar]
    lines: list[Line]
    letters: list[Letters]
    days_per_bar: int
    width: int = WIDTH
    height: int = HEIGHT
    base: int = HEIGHT - FOOT

    @property
    def is_capped(self) -> bool:
        """Whether any day has likes over its cap."""
        return any(bar.capped_height for bar in self.bars)


class _Pile(NamedTuple):
    first: date
    counted: int
    capped: int


def draw(days: Sequence[Day]) -> Chart:
    """Lay out the bars of the days given, oldest first; several days a bar where there are many."""
    per_bar = max(1, -(-len(days) // BARS_MAX))
    piles = [_pile(days[n : n + per_bar]) for n in range(0, len(days), per_bar)]
    scale = levels(max((pile.counted for pile in piles), default=0))
    bars = [_bar(pile, place, len(piles), scale[-1]) for place, pile in enumerate(piles)]
    letters = letters_below([(bar.first, bar.x, bar.width) for bar in bars])
    return Chart(bars, [Line(height_of(likes, scale[-1]), likes) for likes in scale], letters, per_bar)


def _pile(days: Sequence[Day]) -> _Pile:
    capped = sum(int(day.worth(day.capped).likes) for day in days)
    return _Pile(days[0].day, sum(day.count.counted for day in days), capped)


def levels(most: int) -> list[int]:
    """Return round levels from zero up; the last one is the first that no bar exceeds."""
    step = next(s * 10**power for power in range(20) for s in _STEPS if s * 10**power * _LINES_MAX >= most)
    return [step * n for n in range(max(1, -(-most // step)) + 1)]


def height_of(figure: int, top: int) -> float:
    """Return where a figure stands, from the top of the drawing; `top` is the last of the levels."""
    return round(HEIGHT - FOOT - (HEIGHT - FOOT - TOP) * figure / top, 1)


def _bar(pile: _Pile, place: int, places: int, top: int) -> Bar:
    x, width = place_of(place, places)
    y, capped_y = height_of(pile.counted - pile.capped, top), height_of(pile.counted, top)
    height, capped_height = round(HEIGHT - FOOT - y, 1), round(y - capped_y, 1)
    return Bar(pile.first, pile.counted, x, width, y, height, capped_y, capped_height)


def place_of(place: int, places: int) -> tuple[float, float]:
    """Return where a bar begins, and its width."""
    room = (WIDTH - LEFT) / places
    width = min(room * _BAR_SHARE, 48)
    return round(LEFT + room * place + (room - width) / 2, 1), round(width, 1)


def letters_below(bars: Sequence[tuple[date, float, float]]) -> list[Letters]:
    """Name the first, the middle and the last of the bars, given by day, place and width.

    More would run into each other on a narrow screen.
    """
    shown = sorted({0, len(bars) // 2, len(bars) - 1}) if bars else []
    return [
        Letters(round(x + width / 2, 1), day, _anchor(n, len(bars))) for n in shown for day, x, width in [bars[n]]
    ]


def _anchor(place: int, places: int) -> str:
    if places == 1:
        return "middle"
    return "start" if place == 0 else "end" if place == places - 1 else "middle"
