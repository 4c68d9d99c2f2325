"""Admission: which campaign an event is for, and whether that campaign accepts it.

Pure, from catalogue and time. Almost all events are admitted: a few comparisons over whole lists
find those that may not be, and only these are judged singly.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat
from typing import NamedTuple, cast

from campaigns.catalogue.cache import Campaign, Catalogue
from campaigns.intake.delivery_body import LikeEvent
from campaigns.intake.event_columns import EventColumns, Origin
from campaigns.intake.kinds.reading import CONTENT_CHARS_MAX, shorten_content
from campaigns.intake.like_state import REASONS, Outcome
from campaigns.intake.payload import InvalidEvent
from campaigns.promise.calendar import AHEAD_MAX, to_microseconds

PAUSED_REASON = "the campaign has paused its intake for this content"
_DAY_CHARS = len("@2026-05-04")
_AHEAD_MAX_US = AHEAD_MAX // timedelta(microseconds=1)
_COUNTED_REFUSALS = frozenset((Outcome.NOT_ENROLLED, Outcome.NOT_RUNNING, Outcome.TOO_LATE, Outcome.IN_FUTURE))


class RefusedEvent(NamedTuple):
    """An event refused before the table; `campaign` is None if the event belongs to none."""

    origin: Origin
    campaign: Campaign | None
    is_like: bool
    outcome: Outcome
    reason: str


class DeliveredEvents(NamedTuple):
    """The events of one delivery."""

    platform: str
    events: Sequence[LikeEvent | InvalidEvent]


class _Refusal(NamedTuple):
    outcome: Outcome
    reason: str


class _Part(NamedTuple):
    """Events of one delivery for one campaign, and where they come from."""

    events: Sequence[LikeEvent]
    origins: Sequence[Origin]


@dataclass(frozen=True, slots=True)
class Admission:
    """The events of a group of deliveries: the admitted ones by campaign_id, and the refused ones."""

    columns: dict[int, EventColumns]
    refused: list[RefusedEvent]

    def refusal_counts(self) -> dict[int, Counter[str]]:
        """Return each campaign's refused likes by outcome.

        They are stored as durably as counted likes.
        """
        counts: dict[int, Counter[str]] = {}
        for event in self.refused:
            if event.campaign and event.is_like and event.outcome in _COUNTED_REFUSALS:
                counts.setdefault(event.campaign.campaign_id, Counter())[event.outcome.value] += 1
        return counts


def admit_deliveries(deliveries: Sequence[DeliveredEvents], catalogue: Catalogue, now: datetime) -> Admission:
    """Return the admitted and the refused events of a group of deliveries."""
    admission, now_us = Admission({}, []), to_microseconds(now)
    for number, (platform, delivered) in enumerate(deliveries):
        events, origins = _valid_events(admission, number, delivered)
        for campaign_id, part in _split_by_campaign(events, origins, catalogue).items():
            _admit_part(admission, platform, catalogue.campaigns_by_id.get(campaign_id), part, catalogue, now_us)
    return admission


def _valid_events(
    admission: Admission, number: int, delivered: Sequence[LikeEvent | InvalidEvent]
) -> tuple[Sequence[LikeEvent], Sequence[Origin]]:
    """Return the valid events of a delivery, after refusing the others."""
    origins = list(zip(repeat(number), range(len(delivered))))
    invalid = [origin for origin, event in zip(origins, delivered, strict=True) if type(event) is InvalidEvent]
    if not invalid:
        return cast("Sequence[LikeEvent]", delivered), origins
    for origin in invalid:
        reason = str(delivered[origin[1]])
        admission.refused.append(RefusedEvent(origin, None, is_like=True, outcome=Outcome.INVALID, reason=reason))
    valid = [(event, origin) for event, origin in zip(delivered, origins, strict=True) if isinstance(event, dict)]
    return [event for event, _ in valid], [origin for _, origin in valid]


def _split_by_campaign(
    events: Sequence[LikeEvent], origins: Sequence[Origin], catalogue: Catalogue
) -> dict[int, _Part]:
    """Return the events by campaign_id, 0 for none; almost every delivery names a single campaign."""
    slugs = {event.get("campaign") for event in events}
    if len(slugs) == 1 and None not in slugs:
        return {_find_campaign_id(events[0], catalogue): _Part(events, origins)}
    parts: dict[int, tuple[list[LikeEvent], list[Origin]]] = {}
    for event, origin in zip(events, origins, strict=True):
        part_events, part_origins = parts.setdefault(_find_campaign_id(event, catalogue), ([], []))
        part_events.append(event)
        part_origins.append(origin)
    return {campaign_id: _Part(*part) for campaign_id, part in parts.items()}


def _find_campaign_id(event: LikeEvent, catalogue: Catalogue) -> int:
    """Return the campaign that the event names, or else the one that the content is enrolled in."""
    slug = event.get("campaign")
    if slug is None:
        return catalogue.enrolments.get(event["content"], 0)
    campaign = catalogue.campaigns.get(slug)
    return campaign.campaign_id if campaign else 0


def _admit_part(
    admission: Admission,
    platform: str,
    campaign: Campaign | None,
    part: _Part,
    catalogue: Catalogue,
    now_us: int,
) -> None:
    times_us = [to_microseconds(event["event_at"]) for event in part.events]
    refusals = _find_refusals(part.events, times_us, campaign, catalogue, now_us)
    for n, (outcome, reason) in refusals.items():
        is_like = part.events[n]["action"] == "like"
        admission.refused.append(RefusedEvent(part.origins[n], campaign, is_like, outcome, reason))
    if campaign is None or len(refusals) == len(times_us):
        return
    if refusals:
        kept = [n for n in range(len(times_us)) if n not in refusals]
        part = _Part([part.events[n] for n in kept], [part.origins[n] for n in kept])
        times_us = [times_us[n] for n in kept]
    columns = admission.columns.setdefault(campaign.campaign_id, EventColumns(campaign))
    events = part.events
    if campaign.promise.campaign.live == "daily" and any("taps" in event for event in events):
        events = [_of_its_day(event, campaign, us) for event, us in zip(events, times_us, strict=True)]
    columns.append_events(events, times_us, part.origins, platform)


def _of_its_day(event: LikeEvent, campaign: Campaign, event_us: int) -> LikeEvent:
    """Return a like of a live room with the room and its campaign day as content, others unchanged."""
    if "taps" not in event:
        return event
    room = shorten_content(event["content"], CONTENT_CHARS_MAX - _DAY_CHARS)
    return {**event, "content": f"{room}@{campaign.calendar.day_of(event_us)}"}


def _find_refusals(
    events: Sequence[LikeEvent],
    times_us: Sequence[int],
    campaign: Campaign | None,
    catalogue: Catalogue,
    now_us: int,
) -> Mapping[int, _Refusal]:
    """Return the refused events by their index."""
    doubtful = range(len(events)) if campaign is None else _doubtful(events, times_us, campaign, catalogue, now_us)
    refusals = {n: _refuse_event(events[n], times_us[n], campaign, catalogue, now_us) for n in doubtful}
    return {n: refusal for n, refusal in refusals.items() if refusal is not None}


def _doubtful(
    events: Sequence[LikeEvent], times_us: Sequence[int], campaign: Campaign, catalogue: Catalogue, now_us: int
) -> Sequence[int]:
    """Return the indexes of all events that could be refused."""
    calendar = campaign.calendar
    from_us = max(calendar.starts_us, now_us - campaign.late_us)
    until_us = min(calendar.ends_us, now_us + _AHEAD_MAX_US + 1)
    if campaign.closed_at is not None:
        return range(len(events))
    doubtful = {n for n, event_us in enumerate(times_us) if not from_us <= event_us < until_us}
    if catalogue.enrolments or not campaign.accepts_any_content:
        accepts, enrolments = campaign.accepts_content, catalogue.enrolments
        doubtful.update(n for n, event in enumerate(events) if not accepts(event["content"], enrolments))
    if catalogue.paused_contents:
        doubtful.update(n for n, event in enumerate(events) if _is_paused(event, campaign, catalogue))
    if campaign.keeps_likes:
        doubtful.update(n for n, event in enumerate(events) if event["action"] == "unlike")
    return sorted(doubtful)


def _refuse_event(
    event: LikeEvent, event_us: int, campaign: Campaign | None, catalogue: Catalogue, now_us: int
) -> _Refusal | None:
    """Return the first reason to refuse an event; None if there is none."""
    outcome = _refusal_outcome(event, event_us, campaign, catalogue, now_us)
    if outcome is not None:
        return _Refusal(outcome, REASONS[outcome])
    if campaign is not None and _is_paused(event, campaign, catalogue):
        return _Refusal(Outcome.NOT_RUNNING, PAUSED_REASON)
    return None


def _refusal_outcome(
    event: LikeEvent, event_us: int, campaign: Campaign | None, catalogue: Catalogue, now_us: int
) -> Outcome | None:
    if campaign is None or not campaign.accepts_content(event["content"], catalogue.enrolments):
        return Outcome.NOT_ENROLLED
    if event_us > now_us + _AHEAD_MAX_US:
        return Outcome.IN_FUTURE
    if campaign.closed_at is not None or not campaign.calendar.starts_us <= event_us < campaign.calendar.ends_us:
        return Outcome.NOT_RUNNING
    if now_us - event_us > campaign.late_us:
        return Outcome.TOO_LATE
    return Outcome.KEPT if campaign.keeps_likes and event["action"] == "unlike" else None


def _is_paused(event: LikeEvent, campaign: Campaign, catalogue: Catalogue) -> bool:
    """Tell whether intake of the content is paused.

    A pause stops likes only: people may still withdraw theirs.
    """
    return event["action"] == "like" and (campaign.campaign_id, event["content"]) in catalogue.paused_contents
