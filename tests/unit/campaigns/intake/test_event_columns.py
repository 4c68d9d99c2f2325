"""What the columns of a campaign keep of its events: observations, suspicion, low quality."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.authenticity.observation import Observation, ObservationReader
from campaigns.authenticity.observation_columns import to_columns
from campaigns.authenticity.observation_pack import pack, pack_columns
from campaigns.authenticity.ruleset import Ruleset, default_ruleset
from campaigns.catalogue.cache import Campaign
from campaigns.intake.event_columns import EventColumns
from campaigns.intake.like_key import like_key
from campaigns.promise.calendar import to_microseconds
from promises import campaign, promise

NOON = datetime(2026, 11, 9, 4, tzinfo=UTC)
WATCHED = {
    "watch_ms": 9_000, "duration_ms": 12_000, "account_age_days": 400, "followed": True, "commented": False,
    "device": "d-1", "network": "n-1",
}  # fmt: skip
FAKE = {"watch_ms": 0, "account_age_days": 0}
HUGE = {
    "watch_ms": 2**53 - 1,
    "duration_ms": 2**53 - 1,
    "account_age_days": 2**53 - 1,
    "device": "unknown",
    "network": "",
}


def judged_campaign(ruleset: Ruleset | None = None, quality_from: int = 0) -> Campaign:
    bare = campaign(promise())
    terms = [replace(version, quality_from=quality_from) for version in bare.terms]
    return Campaign(
        1, bare.promise, bare.versions, terms, None, bare.calendar, bare.key, bare.tombstone_key, ruleset=ruleset
    )


def columns_of(of: Campaign, *signals: dict[str, Any] | None, action: str = "like") -> EventColumns:
    """Return the columns of events a second apart, each about another content."""
    columns, events = EventColumns(of), []
    for number, reported in enumerate(signals):
        event = {
            "action": action,
            "content": f"c{number}",
            "person": "ann",
            "event_at": NOON + timedelta(seconds=number),
        }
        events.append(event if reported is None else event | {"signals": reported})
    times_us = [to_microseconds(event["event_at"]) for event in events]
    columns.append_events(events, times_us, [(0, n) for n in range(len(events))], "video")  # type: ignore[arg-type]
    return columns


@pytest.mark.parametrize("signals", [[WATCHED, None, FAKE, HUGE], [None, None], [{}], []])
def test_the_observations_are_those_of_the_reader(signals: list[dict[str, Any] | None]):
    judged = judged_campaign(default_ruleset())
    columns, reader = columns_of(judged, *signals), ObservationReader(judged.key)
    person, first_us = judged.pseudonymiser("video")("ann"), to_microseconds(NOON)
    expected = [
        reader.observe(first_us + number * 1_000_000, person, f"c{number}", "video", reported or {})
        for number, reported in enumerate(signals)
    ]
    observed = columns.observed_likes()
    assert observed == to_columns(expected)
    assert [observed.row(number) for number in range(len(signals))] == expected
    assert pack_columns(observed) == pack(expected)


def test_the_packed_bytes_stay_the_same():
    rows = [
        Observation(1_000, b"a" * 16, "é", "video", b"d" * 8, None, 0, 5, None, followed=True, shared=False),
        Observation(2_500, b"b" * 16, "b", "other", None, b"n" * 8, None, 300, 7, commented=True),
    ]
    assert pack(rows).hex() == PACKED


PACKED = (
    "0102000000e803000000000000010000000200dc000501010001010001010002062d00010100080149226161616161616161"
    "61616161616161616262626262626262626262626262626264646464646464646e6e6e6e6e6e6e6e0200000001010262c3a9"
    "020000000105056f74686572766964656f"
)


def test_unlikes_and_erased_people_leave_no_observation():
    columns = columns_of(judged_campaign(default_ruleset()), WATCHED, FAKE)
    erased = {like_key("c0", columns.campaign.pseudonymiser("video")("ann"))}
    assert columns.observed_likes(erased).contents == ["c1"]
    unlikes = columns_of(judged_campaign(default_ruleset()), WATCHED, action="unlike")
    assert unlikes.observed_likes().contents == []


def test_nothing_is_kept_of_a_campaign_that_is_not_judged():
    columns = columns_of(judged_campaign(), WATCHED, FAKE)
    assert (columns.observed_likes().contents, columns.suspects) == ([], set())


def broken_rules() -> Ruleset:
    """Return rules that raise an exception: their numbers are missing."""
    rules = default_ruleset()
    return rules.model_copy(update={"rules": [rule.model_copy(update={"numbers": {}}) for rule in rules.rules]})


def shadow_rules() -> Ruleset:
    rules = default_ruleset()
    return rules.model_copy(update={"rules": [rule.model_copy(update={"mode": "shadow"}) for rule in rules.rules]})


@pytest.mark.parametrize(
    ("rules", "suspects"),
    [(default_ruleset(), {2}), (broken_rules(), {1, 2}), (shadow_rules(), set()), (None, set())],
)
def test_live_rules_decide_and_one_that_fails_lets_nothing_through(rules: Ruleset | None, suspects: set[int]):
    columns = columns_of(judged_campaign(rules), None, WATCHED, FAKE)
    assert columns.suspects == suspects


@pytest.mark.parametrize(("quality_from", "low"), [(0, set()), (10, {1}), (100, {0, 1})])
def test_low_quality_is_below_what_the_terms_ask_for(quality_from: int, low: set[int]):
    for rules in (None, default_ruleset()):
        columns = columns_of(
            judged_campaign(rules, quality_from),
            {"watch_ms": 5_000, "duration_ms": 12_000},
            {"watch_ms": 0, "duration_ms": 12_000},
            {"watch_ms": 5_000},  # no score without a length, and nothing to be below
            None,
        )
        assert columns.low_quality == low
        assert [columns.change(event).is_low_quality for event in range(4)] == [event in low for event in range(4)]
