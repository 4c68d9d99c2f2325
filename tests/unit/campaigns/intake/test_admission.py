"""Which events a campaign accepts, and why it refuses the others."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns.authenticity.ruleset import default_ruleset
from campaigns.catalogue.cache import Campaign, Catalogue
from campaigns.intake.admission import Admission, DeliveredEvents, admit_deliveries
from campaigns.intake.delivery_body import LikeEvent
from campaigns.intake.like_key import like_key
from campaigns.intake.like_state import Outcome
from campaigns.intake.payload import InvalidEvent
from campaigns.promise.calendar import Calendar
from campaigns.promise.model import engine_terms, immutable_part
from promises import promise

NOW = datetime(2026, 11, 10, 4, tzinfo=UTC)  # noon in Shanghai
SHANGHAI = ZoneInfo("Asia/Shanghai")
START, END = datetime(2026, 11, 1, tzinfo=SHANGHAI), datetime(2026, 12, 1, tzinfo=SHANGHAI)
MICROSECOND, SECOND = timedelta(microseconds=1), timedelta(seconds=1)


def a_campaign(number: int, slug: str, *changes: tuple[str, str], closed_at: datetime | None = None) -> Campaign:
    made = promise(('slug = "rural-education"', f'slug = "{slug}"'), *changes)
    terms = [engine_terms(made.terms, 1, date(2026, 11, 1))]
    calendar = Calendar.from_bounds(made.campaign.starts_at, made.campaign.ends_at, SHANGHAI)
    return Campaign(number, immutable_part(made), [made.terms], terms, closed_at, calendar, bytes(32), bytes(32))


CAMPAIGNS = [
    a_campaign(1, "open"),
    a_campaign(2, "listed", ('content = "open"', 'content = "registered"')),
    a_campaign(3, "keeps", ('content = "open"', 'content = "open"\nunlike = "keep"')),
    a_campaign(4, "prompt", ("late_days = 36500", "late_days = 2")),
    a_campaign(5, "closed", closed_at=NOW),
]
CATALOGUE = Catalogue(1, {c.slug: c for c in CAMPAIGNS}, {c.campaign_id: c for c in CAMPAIGNS}, {"mine": 2}, {})


def a_like(
    campaign: str | None = "open", content: str = "c", event_at: datetime = NOW, action: str = "like"
) -> LikeEvent:
    event: LikeEvent = {"action": "like", "content": content, "person": "4854", "event_at": event_at}
    if action == "unlike":
        event["action"] = "unlike"
    if campaign is not None:
        event["campaign"] = campaign
    return event


def admit_one(
    events: Sequence[LikeEvent | InvalidEvent], platform: str, catalogue: Catalogue, now: datetime
) -> Admission:
    return admit_deliveries([DeliveredEvents(platform, events)], catalogue, now)


def origins(admission: Admission) -> list[tuple[int, int]]:
    return [origin for columns in admission.columns.values() for origin in columns.origins]


@pytest.mark.parametrize(
    ("like", "outcome"),
    [
        (a_like(), None),
        (a_like(action="unlike"), None),
        (a_like("unknown"), Outcome.NOT_ENROLLED),
        (a_like(None), Outcome.NOT_ENROLLED),  # names no campaign, and the content is not enrolled
        (a_like(None, "mine"), None),
        (a_like("listed", "mine"), None),
        (a_like("listed", "c"), Outcome.NOT_ENROLLED),
        (a_like("open", "mine"), Outcome.NOT_ENROLLED),  # another campaign's content
        (a_like(event_at=NOW + timedelta(minutes=5)), None),
        (a_like(event_at=NOW + timedelta(minutes=5) + MICROSECOND), Outcome.IN_FUTURE),
        (a_like(event_at=datetime.max.replace(tzinfo=UTC)), Outcome.IN_FUTURE),
        (a_like(event_at=START), None),
        (a_like(event_at=START - MICROSECOND), Outcome.NOT_RUNNING),
        (a_like(event_at=datetime(1, 1, 1, tzinfo=UTC)), Outcome.NOT_RUNNING),
        (a_like("prompt", event_at=NOW - timedelta(days=2)), None),
        (a_like("prompt", event_at=NOW - timedelta(days=2) - MICROSECOND), Outcome.TOO_LATE),
        (a_like("closed"), Outcome.NOT_RUNNING),
        (a_like("keeps"), None),
        (a_like("keeps", action="unlike"), Outcome.KEPT),
        (a_like("keeps", event_at=START - SECOND, action="unlike"), Outcome.NOT_RUNNING),
        (InvalidEvent("person: too long"), Outcome.INVALID),
    ],
)
def test_an_event_is_admitted_or_refused_for_the_first_reason(
    like: LikeEvent | InvalidEvent, outcome: Outcome | None
):
    admission = admit_one([like], "kuaishou", CATALOGUE, NOW)
    assert [event.outcome for event in admission.refused] == ([] if outcome is None else [outcome])
    assert len(origins(admission)) == (outcome is None)


@pytest.mark.parametrize(("seconds", "outcome"), [(-1, []), (0, [Outcome.NOT_RUNNING])])
def test_the_end_lies_outside_the_campaign(seconds: int, outcome: list[Outcome]):
    admission = admit_one([a_like(event_at=END + seconds * SECOND)], "kuaishou", CATALOGUE, END + SECOND)
    assert [event.outcome for event in admission.refused] == outcome


def test_admitted_and_refused_events_keep_their_deliveries_and_positions():
    mixed = [a_like("unknown"), a_like(), InvalidEvent("x"), a_like("prompt"), a_like()]
    deliveries = [DeliveredEvents("kuaishou", events) for events in (mixed, [a_like()], [])]
    admission = admit_deliveries(deliveries, CATALOGUE, NOW)
    assert {number: columns.origins for number, columns in admission.columns.items()} == {
        1: [(0, 1), (0, 4), (1, 0)],
        4: [(0, 3)],
    }
    assert [event.origin for event in admission.refused] == [(0, 2), (0, 0)]


def test_among_a_thousand_events_exactly_the_refused_ones_are_left_out():
    now, late = NOW, NOW - timedelta(days=3)
    events = [a_like("prompt", f"c{n}", late if n % 7 == 0 else now) for n in range(1_000)]
    admission = admit_one(events, "kuaishou", CATALOGUE, NOW)
    assert [position for _, position in origins(admission)] == [n for n in range(1_000) if n % 7]
    assert {event.outcome for event in admission.refused} == {Outcome.TOO_LATE}
    assert admission.refusal_counts() == {4: {"too_late": 143}}


def test_an_admitted_event_has_a_pseudonym_and_its_day_in_the_campaigns_time_zone():
    late_evening = datetime(2026, 11, 9, 16, tzinfo=UTC)  # midnight in Shanghai
    [columns] = admit_one([a_like(event_at=late_evening)], "kuaishou", CATALOGUE, NOW).columns.values()
    assert columns.days == [date(2026, 11, 10)]
    assert columns.keys == [like_key("c", CAMPAIGNS[0].pseudonymiser("kuaishou")("4854"))]
    assert columns.keys != [like_key("c", CAMPAIGNS[0].pseudonymiser("douyin")("4854"))]


@pytest.mark.parametrize(("signals", "is_suspect"), [({}, False), ({"watch_ms": 0, "account_age_days": 0}, True)])
def test_suspicion_is_noted_not_refused(signals: dict[str, int], is_suspect: bool):
    like = a_like()
    like["signals"] = signals  # type: ignore[typeddict-item]
    judged = replace(CAMPAIGNS[0], ruleset=default_ruleset())
    catalogue = replace(CATALOGUE, campaigns={"open": judged}, campaigns_by_id={1: judged})
    [columns] = admit_one([a_like(), like], "kuaishou", catalogue, NOW).columns.values()
    assert [columns.change(event).is_suspect for event in (0, 1)] == [False, is_suspect]


def test_an_unlike_is_an_event_of_its_own_kind():
    [columns] = admit_one([a_like(), a_like(action="unlike")], "kuaishou", CATALOGUE, NOW).columns.values()
    assert [columns.change(event).is_like for event in (0, 1)] == [True, False]
