"""The admitted events of a campaign as columns, one list per value.

A group has two thousand likes. A tuple for each of them would cost more than all that is done with
it.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date

from campaigns.authenticity.engine import find_held
from campaigns.authenticity.observation import observation_reader
from campaigns.authenticity.observation_columns import NO_SIGNALS, ObservationColumns
from campaigns.authenticity.quality import score
from campaigns.authenticity.ruleset import QualityPoints
from campaigns.catalogue.cache import Campaign
from campaigns.catalogue.pseudonyms import PSEUDONYM_BYTES
from campaigns.intake.delivery_body import LikeEvent
from campaigns.intake.like_key import LikeKey, like_key
from campaigns.intake.like_state import LikeChange

_DEFAULT_POINTS = QualityPoints()

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
    observed: ObservationColumns = field(default_factory=ObservationColumns)  # if rules or quality need it
    low_quality: set[int] = field(default_factory=set)  # likes below the quality that their day's terms ask for

    def append_events(
        self, events: Sequence[LikeEvent], times_us: Sequence[int], origins: Sequence[Origin], platform: str
    ) -> None:
        """Append events of one delivery."""
        first, day_of = len(self.keys), self.campaign.calendar.day_of
        pseudonym = self.campaign.pseudonymiser(platform)
        self.keys += [like_key(event["content"], pseudonym(event["person"])) for event in events]
        self.times_us += times_us
        self.days += [day_of(event_us) for event_us in times_us]
        self.origins += origins
        self.unlikes.update(n for n, event in enumerate(events, first) if event["action"] != "like")
        if self.campaign.ruleset is not None or self.campaign.has_quality:
            self._observe(events, platform, first)

    def _observe(self, events: Sequence[LikeEvent], platform: str, first: int) -> None:
        observed, ruleset = self.observed, self.campaign.ruleset
        observed.times_us += self.times_us[first:]
        observed.persons += [key[-PSEUDONYM_BYTES:] for key in self.keys[first:]]
        observed.contents += [event["content"] for event in events]
        observed.platforms += [platform] * len(events)
        observed.append_signals(
            [event.get("signals", NO_SIGNALS) for event in events], observation_reader(self.campaign.key)
        )
        numbers = [n for n, event in enumerate(events, first) if "signals" in event]
        if ruleset is not None:
            self.suspects |= find_held(observed, numbers, ruleset)
        if self.campaign.has_quality:
            points = _DEFAULT_POINTS if ruleset is None else ruleset.quality
            self.low_quality.update(n for n in numbers if self._is_below(score(observed.row(n), points), n))

    def _is_below(self, value: int | None, event: int) -> bool:
        return value is not None and value < self.campaign.terms_on(self.days[event]).quality_from

    def observed_likes(self, erased: AbstractSet[LikeKey] = frozenset()) -> ObservationColumns:
        """Return the observations of the like events, without those of erased people."""
        if not (self.unlikes or erased):
            return self.observed
        keys, unlikes = self.keys, self.unlikes
        return self.observed.select([n for n, key in enumerate(keys) if n not in unlikes and key not in erased])

    def change(self, event: int) -> LikeChange:
        """Return an event as the state machine takes it."""
        flags = event in self.suspects, event in self.low_quality
        return LikeChange(event not in self.unlikes, self.times_us[event], self.days[event], *flags)
