"""Admission: which campaign an event is for, and whether that campaign accepts it.

Pure, from catalogue and time.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign, Catalogue
from campaigns.intake.decide import LikeKey
from campaigns.intake.like_state import REASONS, LikeChange, Outcome
from campaigns.intake.payload import InvalidEvent, LikeEvent
from campaigns.intake.suspicion import suspicion_reason
from campaigns.promise.calendar import AHEAD_MAX, to_microseconds

PAUSED_REASON = "the campaign has paused its intake for this content"
_AHEAD_MAX_US = AHEAD_MAX // timedelta(microseconds=1)


class AdmittedEvent(NamedTuple):
    """An event that its campaign accepts; the key has a pseudonym instead of the person."""

    position: int  # in the delivery
    campaign_id: int
    key: LikeKey
    change: LikeChange


class RefusedEvent(NamedTuple):
    """An event refused before the table; `campaign` is None if the event belongs to none."""

    position: int
    campaign: Campaign | None
    is_like: bool
    outcome: Outcome
    reason: str


def admit_events(
    events: Sequence[LikeEvent | InvalidEvent], platform: str, catalogue: Catalogue, now: datetime
) -> tuple[list[AdmittedEvent], list[RefusedEvent]]:
    """Return the admitted and the refused events of a delivery, each with its position."""
    admitted: list[AdmittedEvent] = []
    refused: list[RefusedEvent] = []
    now_us = to_microseconds(now)
    for position, event in enumerate(events):
        if isinstance(event, InvalidEvent):
            refused.append(_refuse_invalid(position, event))
            continue
        campaign = _find_campaign(event, catalogue)
        event_us = to_microseconds(event["event_at"])
        outcome = _refusal_outcome(event, event_us, campaign, catalogue, now_us)
        if outcome is not None or campaign is None:
            refused.append(_refuse_event(position, campaign, event, outcome or Outcome.NOT_ENROLLED))
            continue
        if catalogue.paused_contents and _is_paused(event, campaign, catalogue):
            refused.append(
                RefusedEvent(position, campaign, is_like=True, outcome=Outcome.NOT_RUNNING, reason=PAUSED_REASON)
            )
            continue
        signals = event.get("signals")
        is_suspect = signals is not None and suspicion_reason(signals) is not None
        change = LikeChange(event["action"] == "like", event_us, campaign.calendar.day_of(event_us), is_suspect)
        key = (event["content"], campaign.pseudonymiser(platform)(event["person"]))
        admitted.append(AdmittedEvent(position, campaign.campaign_id, key, change))
    return admitted, refused


def _find_campaign(event: LikeEvent, catalogue: Catalogue) -> Campaign | None:
    """Return the campaign that the event names, or else the one that the content is enrolled in."""
    slug = event.get("campaign")
    if slug is not None:
        return catalogue.campaigns.get(slug)
    return catalogue.campaigns_by_id.get(catalogue.enrolments.get(event["content"], 0))


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


def _refuse_invalid(position: int, invalid: InvalidEvent) -> RefusedEvent:
    return RefusedEvent(position, None, is_like=True, outcome=Outcome.INVALID, reason=str(invalid))


def _refuse_event(position: int, campaign: Campaign | None, event: LikeEvent, outcome: Outcome) -> RefusedEvent:
    return RefusedEvent(position, campaign, event["action"] == "like", outcome, REASONS[outcome])
