"""Which campaign a like is for, and whether that campaign takes it: pure, from the catalogue and the time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign, Catalogue
from campaigns.intake.decide import Key
from campaigns.intake.like_state import REASONS, Incoming, Outcome
from campaigns.intake.payload import Invalid, LikeEvent
from campaigns.intake.suspicion import suspicion
from campaigns.promise.calendar import AHEAD_MAX, micros

PAUSED = "the campaign's intake for this content is paused"
_AHEAD_MAX_US = AHEAD_MAX // timedelta(microseconds=1)


class Admitted(NamedTuple):
    """A like or unlike that its campaign takes, its person a pseudonym already."""

    place: int  # in the delivery
    campaign_id: int
    key: Key
    incoming: Incoming


class Refused(NamedTuple):
    """One that was decided without the table; `campaign` is None where none could be told."""

    place: int
    campaign: Campaign | None
    is_like: bool
    outcome: Outcome
    reason: str


def admit(
    likes: Sequence[LikeEvent | Invalid], platform: str, catalogue: Catalogue, now: datetime
) -> tuple[list[Admitted], list[Refused]]:
    """Return what goes on to the table and what is refused here, both with their places in the delivery."""
    admitted: list[Admitted] = []
    refused: list[Refused] = []
    now_us = micros(now)
    for place, like in enumerate(likes):
        if isinstance(like, Invalid):
            refused.append(_unreadable(place, like))
            continue
        campaign = _campaign_of(like, catalogue)
        event_us = micros(like["event_at"])
        outcome = _refusal(like, event_us, campaign, catalogue, now_us)
        if outcome is not None or campaign is None:
            refused.append(_refused(place, campaign, like, outcome or Outcome.NOT_ENROLLED))
            continue
        if catalogue.paused and _is_paused(like, campaign, catalogue):
            refused.append(Refused(place, campaign, is_like=True, outcome=Outcome.NOT_RUNNING, reason=PAUSED))
            continue
        signals = like.get("signals")
        suspect = signals is not None and suspicion(signals) is not None
        incoming = Incoming(like["action"] == "like", event_us, campaign.calendar.day_of(event_us), suspect)
        key = (like["content"], campaign.pseudonymiser(platform)(like["person"]))
        admitted.append(Admitted(place, campaign.campaign_id, key, incoming))
    return admitted, refused


def _campaign_of(like: LikeEvent, catalogue: Catalogue) -> Campaign | None:
    """Return the campaign that is named, or else the one that the content is enrolled in."""
    slug = like.get("campaign")
    if slug is not None:
        return catalogue.campaigns.get(slug)
    return catalogue.by_id.get(catalogue.enrolments.get(like["content"], 0))


def _refusal(
    like: LikeEvent, event_us: int, campaign: Campaign | None, catalogue: Catalogue, now_us: int
) -> Outcome | None:
    if campaign is None or not campaign.takes(like["content"], catalogue.enrolments):
        return Outcome.NOT_ENROLLED
    if event_us > now_us + _AHEAD_MAX_US:
        return Outcome.IN_FUTURE
    if campaign.closed_at is not None or not campaign.calendar.starts_us <= event_us < campaign.calendar.ends_us:
        return Outcome.NOT_RUNNING
    if now_us - event_us > campaign.late_us:
        return Outcome.TOO_LATE
    return Outcome.KEPT if campaign.keeps_likes and like["action"] == "unlike" else None


def _is_paused(like: LikeEvent, campaign: Campaign, catalogue: Catalogue) -> bool:
    """Tell whether the campaign takes no like of the content for now. Whoever liked it may still take that back."""
    return like["action"] == "like" and (campaign.campaign_id, like["content"]) in catalogue.paused


def _unreadable(place: int, fault: Invalid) -> Refused:
    return Refused(place, None, is_like=True, outcome=Outcome.INVALID, reason=str(fault))


def _refused(place: int, campaign: Campaign | None, like: LikeEvent, outcome: Outcome) -> Refused:
    return Refused(place, campaign, like["action"] == "like", outcome, REASONS[outcome])
