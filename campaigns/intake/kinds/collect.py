"""Collect what a body holds: each event is read alone, so that one fault spares the others."""

from collections.abc import Callable, Sequence
from typing import Any

from campaigns.intake.kinds.model import PlatformEvent, Unread
from campaigns.intake.kinds.reading import UnexpectedForm


class EventCollector:
    """The events of a body, in their order, with those that were ignored or could not be read."""

    def __init__(self) -> None:
        self.events: list[PlatformEvent] = []
        self.ignored = 0
        self.unread: list[Unread] = []

    def add(self, event: str, read: Callable[[], PlatformEvent | None]) -> None:
        """Add what `read` returns; None is an event that is none of ours. `event` names its type."""
        try:
            platform_event = read()
        except UnexpectedForm as fault:
            self.unread.append(Unread(event, str(fault)))
            return
        if platform_event is None:
            self.ignored += 1
        else:
            self.events.append(platform_event)

    def list(self, event: str, read: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        """Return the list that `read` finds; none of its items if it has another form."""
        try:
            return read()
        except UnexpectedForm as fault:
            self.unread.append(Unread(event, str(fault)))
            return ()
