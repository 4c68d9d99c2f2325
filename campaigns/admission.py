"""Which campaign a like is for, and whether that campaign takes it: pure, from the catalogue and the time."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from campaigns.authenticity import suspicion
from campaigns.catalogue import Campaign, Catalogue
from campaigns.events import Invalid, LikeEvent
from campaigns.likes import REASONS, Incoming, Outcome

AHEAD_MAX = timedelta(minutes=5)


class Admitted(NamedTuple):
    """A like or unlike that its campaign takes, its person a pseudonym already."""

    place: int  # its place in the delivery
    campaign_id: int
    content: str
    person: bytes
    incoming: Incoming


class Refused(NamedTuple):
    """One that was decided without the table; `campaign` is None where none could be told."""

    place: int
    campaign: Campaign | None
    is_like: bool
    outcome: Outcome
    reason: str


def admit(
    events: Sequence[LikeEvent | Invalid], platform: str, catalogue: Catalogue, now: datetime
) -> tuple[list[Admitted], list[Refused]]:
    """Return what goes on to the table and what is refused here, both with their places in the delivery."""
    admitted: list[Admitted] = []
    refused: list[Refused] = []
    for place, event in enumerate(events):
        if isinstance(event, Invalid):
            refused.append(_unreadable(place, event))
            continue
        campaign = _campaign_of(event, catalogue)
        outcome = _refusal(event, campaign, catalogue, now)
        if outcome is None and campaign is not None:
            admitted.append(_admitted(place, event, platform, campaign))
        else:
            refused.append(_refused(place, campaign, event, outcome or Outcome.NOT_ENROLLED))
    return admitted, refused


def _unreadable(place: int, fault: Invalid) -> Refused:
    return Refused(place, None, is_like=True, outcome=Outcome.INVALID, reason=str(fault))


def _campaign_of(event: LikeEvent, catalogue: Catalogue) -> Campaign | None:
    """Return the campaign that is named, or else the one that the content is enrolled in."""
    slug = event.get("campaign")
    if slug is not None:
        return catalogue.campaigns.get(slug)
    return catalogue.by_id.get(catalogue.enrolments.get(event["content"], 0))


def _is_enrolled(content: str, campaign: Campaign, catalogue: Catalogue) -> bool:
    """Tell whether the content is the campaign's: enrolled in it, or in none where the campaign is open to all."""
    home = catalogue.enrolments.get(content)
    return campaign.is_open if home is None else home == campaign.campaign_id


def _refusal(event: LikeEvent, campaign: Campaign | None, catalogue: Catalogue, now: datetime) -> Outcome | None:
    if campaign is None or not _is_enrolled(event["content"], campaign, catalogue):
        return Outcome.NOT_ENROLLED
    event_at = event["event_at"]
    if event_at > now + AHEAD_MAX:
        return Outcome.IN_FUTURE
    if campaign.closed_at is not None or not campaign.calendar.runs_at(event_at):
        return Outcome.NOT_RUNNING
    if now - event_at > campaign.late_for:
        return Outcome.TOO_LATE
    if event["action"] == "unlike" and campaign.keeps_likes:
        return Outcome.KEPT
    return None


def _refused(place: int, campaign: Campaign | None, event: LikeEvent, outcome: Outcome) -> Refused:
    return Refused(place, campaign, event["action"] == "like", outcome, REASONS[outcome])


def _admitted(place: int, event: LikeEvent, platform: str, campaign: Campaign) -> Admitted:
    event_at = event["event_at"]
    signals = event.get("signals")
    suspect = signals is not None and suspicion(signals) is not None
    day: date = campaign.calendar.day_of(event_at)
    incoming = Incoming(event["action"] == "like", event_at, day, suspect)
    person = campaign.pseudonymiser(platform)(event["person"])
    return Admitted(place, campaign.campaign_id, event["content"], person, incoming)
