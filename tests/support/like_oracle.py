"""An oracle of intake: what any number of events and verdicts end as, worked out from all at once.

It knows no batches, no stored likes and no order of arrival.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import NamedTuple


class OracleEvent(NamedTuple):
    """A like or unlike that its campaign accepts."""

    content: str
    person: str
    is_like: bool
    event_us: int
    day: date
    is_suspect: bool = False
    is_low_quality: bool = False


@dataclass
class Figures:
    """The states by like, and the number of likes by day and state or `duplicate`."""

    states: dict[tuple[str, str], tuple[date | None, str]] = field(default_factory=dict)
    counts: Counter[tuple[date, str]] = field(default_factory=Counter)


def work_out(
    received: Iterable[OracleEvent], limit: int | None, verdicts: Mapping[tuple[str, str], str] = MappingProxyType({})
) -> Figures:
    """Return the figures after all events, each as often as it was received, under the last verdicts."""
    figures, by_like = Figures(), defaultdict(list)
    for event in received:
        by_like[event.content, event.person].append(event)
    live = defaultdict(list)
    for key, events in by_like.items():
        likes = [event for event in events if event.is_like]
        if not likes:
            figures.states[key] = (None, "withdrawn")
            continue
        first = min(likes, key=lambda event: event.event_us)
        figures.states[key] = (first.day, _state_of(events, first.event_us, verdicts.get(key)))
        figures.counts.update((event.day, "duplicate") for event in likes)
        figures.counts[first.day, "duplicate"] -= 1
        if figures.states[key][1] == "counted":
            live[key[1], first.day].append((first.event_us, key[0]))
    for (person, day), entries in live.items():
        for _, content in sorted(entries)[len(entries) if limit is None else limit :]:
            figures.states[content, person] = (day, "over_limit")
    figures.counts.update((day, state) for day, state in figures.states.values() if day is not None)
    figures.counts = +figures.counts
    return figures


def _state_of(events: Sequence[OracleEvent], first_us: int, verdict: str | None) -> str:
    latest = max(events, key=lambda event: (event.event_us, not event.is_like))
    earliest = [event for event in events if event.is_like and event.event_us == first_us]
    if not latest.is_like:
        return "withdrawn"
    if verdict == "void":
        return "void"
    if verdict == "held" or (verdict is None and any(event.is_suspect for event in earliest)):
        return "quarantined"
    return "low_quality" if any(event.is_low_quality for event in earliest) else "counted"
