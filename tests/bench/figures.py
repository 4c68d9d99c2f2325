"""Figures with yardsticks and bars, as a table and as JSON."""

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Bar:
    """The required value and the aim: of the ratio if there is a yardstick, else of the figure."""

    reach: float
    aim: float | None = None
    is_ceiling: bool = False

    def is_met_by(self, measured: float) -> bool:
        """Return whether a value reaches the bar."""
        return measured < self.reach if self.is_ceiling else measured >= self.reach

    def __str__(self) -> str:
        sign = "<" if self.is_ceiling else "≥"
        return f"{sign} {self.reach:g}" + ("" if self.aim is None else f" (aim {self.aim:g})")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: medians over the rounds. The ratio is the median of the rounds' ratios."""

    part: str
    name: str
    unit: str
    rounds: list[float]
    yardstick: str = ""
    yardstick_rounds: list[float] = field(default_factory=list)
    bar: Bar | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The median over the rounds."""
        return median(self.rounds)

    @property
    def ratio(self) -> float | None:
        """The median ratio to the yardstick; None without a yardstick."""
        if not self.yardstick_rounds:
            return None
        return median(
            measured / yardstick for measured, yardstick in zip(self.rounds, self.yardstick_rounds, strict=True)
        )

    @property
    def is_met(self) -> bool | None:
        """Whether the bar is reached; None without a bar."""
        if self.bar is None:
            return None
        return self.bar.is_met_by(self.value if self.ratio is None else self.ratio)

    def as_json(self) -> dict[str, Any]:
        """Return the figure for JSON."""
        yardstick_value = {"value": median(self.yardstick_rounds)} if self.yardstick_rounds else {}
        return {
            "part": self.part,
            "name": self.name,
            "unit": self.unit,
            "value": self.value,
            "rounds": self.rounds,
            "yardstick": {"name": self.yardstick, **yardstick_value, "rounds": self.yardstick_rounds},
            "ratio": self.ratio,
            "bar": asdict(self.bar) if self.bar else None,
            "is_met": self.is_met,
            "details": self.details,
        }


def print_table(console: Console, figures: list[Figure]) -> None:
    """Print the figures as a table."""
    table = Table(title="like-ledger, measured (medians of interleaved rounds)", title_justify="left")
    for column in ("", "figure", "unit", "measured", "yardstick", "measured", "ratio", "bar", "met"):
        is_number = column in ("measured", "ratio")
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for figure in figures:
        table.add_row(*_cells(figure))
    console.print(table)


def _cells(figure: Figure) -> list[str]:
    yardstick = _number(median(figure.yardstick_rounds)) if figure.yardstick_rounds else ""
    met = {None: "", True: "yes", False: "NO"}[figure.is_met]
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    return [
        figure.part,
        figure.name,
        figure.unit,
        _number(figure.value),
        figure.yardstick,
        yardstick,
        ratio,
        str(figure.bar or ""),
        met,
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
