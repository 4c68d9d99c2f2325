"""The admitted events of a campaign as columns, one list per value.

A group has two thousand likes. A tuple for each of them would cost more than all that is done with
it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from campaigns.catalogue.cache import Campaign
from campaigns.intake.delivery_body import LikeEvent
from campaigns.intake.like_key import LikeKey, like_key
from campaigns.intake.like_state import LikeChange
from campaigns.intake.suspicion import suspicion_reason

Origin = tuple[int, int]  # the delivery in its group, and the event in its delivery


@dataclass(slots=True)
class EventColumns:
    """Events in their order: event n is element n of each list."""

    campaign: Campaign
    keys: list[LikeKey] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)  # microseconds since 1970
    days: list[date] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    unlikes: set[int] = field(default_factory=set)  # events that are unlikes
    suspects: set[int] = field(default_factory=set)  # likes that look fake
    low_quality: set[int] = field(default_factory=set)  # likes below the quality that their day's terms ask for

    def append_events(
        self,
        events: Sequence[LikeEvent],
        times_us: Sequence[int],
        origins: Sequence[Origin],
        pseudonym: Callable[[str], bytes],
    ) -> None:
        """Append events of one delivery."""
        first, day_of = len(self.keys), self.campaign.calendar.day_of
        self.keys += [like_key(event["content"], pseudonym(event["person"])) for event in events]
        self.times_us += times_us
        self.days += [day_of(event_us) for event_us in times_us]
        self.origins += origins
        self.unlikes.update(n for n, event in enumerate(events, first) if event["action"] != "like")
        self.suspects.update(n for n, event in enumerate(events, first) if _is_suspect(event))

    def change(self, event: int) -> LikeChange:
        """Return an event as the state machine takes it."""
        flags = event in self.suspects, event in self.low_quality
        return LikeChange(event not in self.unlikes, self.times_us[event], self.days[event], *flags)


def _is_suspect(event: LikeEvent) -> bool:
    return "signals" in event and suspicion_reason(event["signals"]) is not None
