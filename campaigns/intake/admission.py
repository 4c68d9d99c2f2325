"""Which campaign a like is for, and whether that campaign takes it: pure, from the catalogue and the time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign, Catalogue
from campaigns.intake.decide import LikeKey
from campaigns.intake.like_state import REASONS, LikeChange, Outcome
from campaigns.intake.payload import InvalidEvent, LikeEvent
from campaigns.intake.suspicion import suspicion_reason
from campaigns.promise.calendar import AHEAD_MAX, to_microseconds

PAUSED_REASON = "the campaign's intake for this content is paused"
_AHEAD_MAX_US = AHEAD_MAX // timedelta(microseconds=1)


class AdmittedEvent(NamedTuple):
    """A like or unlike that its campaign takes, its person a pseudonym already."""

    position: int  # in the delivery
    campaign_id: int
    key: LikeKey
    change: LikeChange


class RefusedEvent(NamedTuple):
    """One that was decided without the table; `campaign` is None where none could be told."""

    position: int
    campaign: Campaign | None
    is_like: bool
    outcome: Outcome
    reason: str


def admit_events(
    events: Sequence[LikeEvent | InvalidEvent], platform: str, catalogue: Catalogue, now: datetime
) -> tuple[list[AdmittedEvent], list[RefusedEvent]]:
    """Return what goes on to the table and what is refused here, both with their places in the delivery."""
    admitted: list[AdmittedEvent] = []
    refused: list[RefusedEvent] = []
    now_us = to_microseconds(now)
    for place, like in enumerate(events):
        if isinstance(like, InvalidEvent):
            refused.append(_refuse_invalid(place, like))
            continue
        campaign = _find_campaign(like, catalogue)
        event_us = to_microseconds(like["event_at"])
        outcome = _refusal_outcome(like, event_us, campaign, catalogue, now_us)
        if outcome is not None or campaign is None:
            refused.append(_refuse_event(place, campaign, like, outcome or Outcome.NOT_ENROLLED))
            continue
        if catalogue.paused_contents and _is_paused(like, campaign, catalogue):
            refused.append(
                RefusedEvent(place, campaign, is_like=True, outcome=Outcome.NOT_RUNNING, reason=PAUSED_REASON)
            )
            continue
        signals = like.get("signals")
        suspect = signals is not None and suspicion_reason(signals) is not None
        incoming = LikeChange(like["action"] == "like", event_us, campaign.calendar.day_of(event_us), suspect)
        key = (like["content"], campaign.pseudonymiser(platform)(like["person"]))
        admitted.append(AdmittedEvent(place, campaign.campaign_id, key, incoming))
    return admitted, refused


def _find_campaign(event: LikeEvent, catalogue: Catalogue) -> Campaign | None:
    """Return the campaign that is named, or else the one that the content is enrolled in."""
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
    """Tell whether the campaign takes no like of the content for now. Whoever liked it may still take that back."""
    return event["action"] == "like" and (campaign.campaign_id, event["content"]) in catalogue.paused_contents


def _refuse_invalid(index: int, invalid: InvalidEvent) -> RefusedEvent:
    return RefusedEvent(index, None, is_like=True, outcome=Outcome.INVALID, reason=str(invalid))


def _refuse_event(index: int, campaign: Campaign | None, event: LikeEvent, outcome: Outcome) -> RefusedEvent:
    return RefusedEvent(index, campaign, event["action"] == "like", outcome, REASONS[outcome])
