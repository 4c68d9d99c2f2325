"""Observations as columns, one list per value: thousands of likes without a tuple for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.authenticity.observation import Observation, ObservationReader

NO_SIGNALS: Mapping[str, Any] = {}


@dataclass(slots=True)
class ObservationColumns:
    """Observations in their order: observation n is element n of each list."""

    times_us: list[int] = field(default_factory=list)
    persons: list[bytes] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    platforms: list[str] = field(default_factory=list)
    devices: list[bytes | None] = field(default_factory=list)
    networks: list[bytes | None] = field(default_factory=list)
    ages: list[int | None] = field(default_factory=list)
    watches: list[int | None] = field(default_factory=list)
    durations: list[int | None] = field(default_factory=list)
    followed: list[bool | None] = field(default_factory=list)
    commented: list[bool | None] = field(default_factory=list)
    shared: list[bool | None] = field(default_factory=list)

    def lists(self) -> tuple[list[Any], ...]:
        """Return the columns in the order of an observation's members."""
        return (
            self.times_us,
            self.persons,
            self.contents,
            self.platforms,
            self.devices,
            self.networks,
            self.ages,
            self.watches,
            self.durations,
            self.followed,
            self.commented,
            self.shared,
        )

    def append_signals(self, signals: Sequence[Mapping[str, Any]], reader: ObservationReader) -> None:
        """Append what was reported around events; `NO_SIGNALS` where nothing was."""
        if all(reported is NO_SIGNALS for reported in signals):
            for column in self.lists()[4:]:
                column.extend([None] * len(signals))
            return
        self.devices += reader.hash_devices([reported.get("device") for reported in signals])
        self.networks += reader.hash_networks([reported.get("network") for reported in signals])
        self.ages += reader.cut_ages([reported.get("account_age_days") for reported in signals])
        self.watches += reader.cut_milliseconds([reported.get("watch_ms") for reported in signals])
        self.durations += reader.cut_milliseconds([reported.get("duration_ms") for reported in signals])
        self.followed += [reported.get("followed") for reported in signals]
        self.commented += [reported.get("commented") for reported in signals]
        self.shared += [reported.get("shared") for reported in signals]

    def row(self, number: int) -> Observation:
        """Return one of the observations."""
        return Observation(*[column[number] for column in self.lists()])

    def select(self, numbers: Sequence[int]) -> "ObservationColumns":
        """Return the columns of some of the observations."""
        return ObservationColumns(*([column[number] for number in numbers] for column in self.lists()))


def to_columns(observations: Sequence[Observation]) -> ObservationColumns:
    """Return observations as columns. Pure."""
    return ObservationColumns(*map(list, zip(*observations, strict=True))) if observations else ObservationColumns()
