"""The state machine of a like, as a table.

The stored like, the event, the like afterwards and the outcome.
"""

from datetime import date

import pytest

from campaigns.intake.like_state import (
    REASONS,
    Like,
    LikeChange,
    LikeState,
    LikeVerdict,
    Outcome,
    apply_event,
    apply_verdict,
    repeated_day,
)

NOON = 1_795_435_200_000_000  # microseconds since 1970
SUNDAY, MONDAY, TUESDAY = date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)
EARLIER, SAME, LATER = NOON - 1, NOON, NOON + 1
FIRST = NOON - 100  # when the stored like of Monday was liked; its latest event is of NOON


def a_stored_like(state: str, *, suspect: bool = False, low: bool = False, verdict: str | None = None) -> Like:
    return Like(LikeState(state), FIRST, MONDAY, NOON, suspect, low, LikeVerdict(verdict) if verdict else None)


UNLIKED_ONLY = Like(LikeState.WITHDRAWN, NOON, None, NOON)


def like(event_us: int, day: date = TUESDAY) -> LikeChange:
    return LikeChange(is_like=True, event_us=event_us, day=day)


def suspect(event_us: int, day: date = TUESDAY) -> LikeChange:
    return LikeChange(is_like=True, event_us=event_us, day=day, is_suspect=True)


def low(event_us: int, day: date = TUESDAY) -> LikeChange:
    return LikeChange(is_like=True, event_us=event_us, day=day, is_low_quality=True)


def unlike(event_us: int) -> LikeChange:
    return LikeChange(is_like=False, event_us=event_us, day=TUESDAY)


BEFORE = FIRST - 1  # earlier than the stored like's earliest like
FROM_SUNDAY, FROM_SUNDAY_SUSPECT = like(BEFORE, SUNDAY), suspect(BEFORE, SUNDAY)

TABLE = [
    # stored, event, then: state, earliest like, day, latest event, outcome
    (None, like(SAME), "counted", SAME, TUESDAY, SAME, "counted"),
    (None, suspect(SAME), "quarantined", SAME, TUESDAY, SAME, "quarantined"),
    (None, unlike(SAME), "withdrawn", SAME, None, SAME, "withdrawn"),
    # The latest event decides whether it counts; an unlike wins a tie.
    (a_stored_like("counted"), like(EARLIER), "counted", FIRST, MONDAY, SAME, "duplicate"),
    (a_stored_like("counted"), like(LATER), "counted", FIRST, MONDAY, LATER, "duplicate"),
    (a_stored_like("counted"), suspect(LATER), "counted", FIRST, MONDAY, LATER, "duplicate"),
    (a_stored_like("counted"), unlike(EARLIER), "counted", FIRST, MONDAY, SAME, "older"),
    (a_stored_like("counted"), unlike(SAME), "withdrawn", FIRST, MONDAY, SAME, "withdrawn"),
    (a_stored_like("counted"), unlike(LATER), "withdrawn", FIRST, MONDAY, LATER, "withdrawn"),
    (a_stored_like("withdrawn"), like(EARLIER), "withdrawn", FIRST, MONDAY, SAME, "older"),
    (a_stored_like("withdrawn"), like(SAME), "withdrawn", FIRST, MONDAY, SAME, "older"),
    (a_stored_like("withdrawn"), unlike(EARLIER), "withdrawn", FIRST, MONDAY, SAME, "older"),
    (a_stored_like("withdrawn"), unlike(SAME), "withdrawn", FIRST, MONDAY, SAME, "duplicate"),
    (a_stored_like("withdrawn"), unlike(LATER), "withdrawn", FIRST, MONDAY, LATER, "duplicate"),
    # It stands at its earliest like: an unlike followed by a like moves nothing.
    (a_stored_like("withdrawn"), like(LATER), "counted", FIRST, MONDAY, LATER, "counted"),
    (a_stored_like("counted"), FROM_SUNDAY, "counted", BEFORE, SUNDAY, SAME, "duplicate"),
    (a_stored_like("over_limit"), FROM_SUNDAY, "over_limit", BEFORE, SUNDAY, SAME, "duplicate"),
    (a_stored_like("withdrawn"), FROM_SUNDAY, "withdrawn", BEFORE, SUNDAY, SAME, "older"),
    (UNLIKED_ONLY, like(EARLIER), "withdrawn", EARLIER, TUESDAY, SAME, "older"),
    (UNLIKED_ONLY, like(SAME), "withdrawn", SAME, TUESDAY, SAME, "older"),
    (UNLIKED_ONLY, like(LATER), "counted", LATER, TUESDAY, LATER, "counted"),
    (UNLIKED_ONLY, unlike(LATER), "withdrawn", LATER, None, LATER, "duplicate"),
    # So its earliest like decides whether it is suspect; a suspect one wins a tie.
    (a_stored_like("counted"), FROM_SUNDAY_SUSPECT, "quarantined", BEFORE, SUNDAY, SAME, "duplicate"),
    (a_stored_like("counted"), suspect(FIRST, MONDAY), "quarantined", FIRST, MONDAY, SAME, "duplicate"),
    (a_stored_like("quarantined", suspect=True), FROM_SUNDAY, "counted", BEFORE, SUNDAY, SAME, "duplicate"),
    (a_stored_like("quarantined", suspect=True), like(LATER), "quarantined", FIRST, MONDAY, LATER, "duplicate"),
    (a_stored_like("quarantined", suspect=True), unlike(EARLIER), "quarantined", FIRST, MONDAY, SAME, "older"),
    (a_stored_like("quarantined", suspect=True), unlike(LATER), "withdrawn", FIRST, MONDAY, LATER, "withdrawn"),
    (a_stored_like("withdrawn", suspect=True), like(LATER), "quarantined", FIRST, MONDAY, LATER, "quarantined"),
    (a_stored_like("withdrawn"), suspect(LATER), "counted", FIRST, MONDAY, LATER, "counted"),
    # So it decides about low quality.
    (None, low(SAME), "low_quality", SAME, TUESDAY, SAME, "low_quality"),
    (a_stored_like("counted"), low(BEFORE, SUNDAY), "low_quality", BEFORE, SUNDAY, SAME, "duplicate"),
    (a_stored_like("counted"), low(FIRST, MONDAY), "low_quality", FIRST, MONDAY, SAME, "duplicate"),
    (a_stored_like("low_quality", low=True), FROM_SUNDAY, "counted", BEFORE, SUNDAY, SAME, "duplicate"),
    (a_stored_like("withdrawn", low=True), like(LATER), "low_quality", FIRST, MONDAY, LATER, "low_quality"),
    (
        a_stored_like("withdrawn", low=True, suspect=True),
        like(LATER),
        "quarantined",
        FIRST,
        MONDAY,
        LATER,
        "quarantined",
    ),
    # A verdict stays: unlike and like again clear nothing.
    (a_stored_like("void", verdict="void"), like(LATER), "void", FIRST, MONDAY, LATER, "duplicate"),
    (a_stored_like("void", verdict="void"), FROM_SUNDAY, "void", BEFORE, SUNDAY, SAME, "duplicate"),
    (a_stored_like("void", verdict="void"), unlike(LATER), "withdrawn", FIRST, MONDAY, LATER, "withdrawn"),
    (a_stored_like("void", verdict="void"), unlike(EARLIER), "void", FIRST, MONDAY, SAME, "older"),
    (a_stored_like("withdrawn", verdict="void"), like(LATER), "void", FIRST, MONDAY, LATER, "void"),
    (a_stored_like("withdrawn", verdict="held"), like(LATER), "quarantined", FIRST, MONDAY, LATER, "quarantined"),
    (
        a_stored_like("withdrawn", verdict="released", suspect=True),
        like(LATER),
        "counted",
        FIRST,
        MONDAY,
        LATER,
        "counted",
    ),
    (
        a_stored_like("withdrawn", verdict="cleared", low=True),
        like(LATER),
        "low_quality",
        FIRST,
        MONDAY,
        LATER,
        "low_quality",
    ),
    (a_stored_like("quarantined", verdict="held"), FROM_SUNDAY, "quarantined", BEFORE, SUNDAY, SAME, "duplicate"),
    (a_stored_like("counted", verdict="released"), FROM_SUNDAY_SUSPECT, "counted", BEFORE, SUNDAY, SAME, "duplicate"),
    (a_stored_like("over_limit"), like(LATER), "over_limit", FIRST, MONDAY, LATER, "duplicate"),
    (a_stored_like("over_limit"), unlike(SAME), "withdrawn", FIRST, MONDAY, SAME, "withdrawn"),
]


@pytest.mark.parametrize(("before", "change", "state", "event_us", "day", "latest_us", "outcome"), TABLE)
def test_an_event_changes_the_stored_like(
    before: Like | None,
    change: LikeChange,
    state: str,
    event_us: int,
    day: date | None,
    latest_us: int,
    outcome: str,
):
    after, found = apply_event(before, change)
    assert after[:4] == (LikeState(state), event_us, day, latest_us)
    assert found is Outcome(outcome)


@pytest.mark.parametrize(("before", "change"), [row[:2] for row in TABLE])
def test_a_replay_changes_nothing_more(before: Like | None, change: LikeChange):
    after, _ = apply_event(before, change)
    replayed, outcome = apply_event(after, change)
    assert replayed == after
    assert outcome in (Outcome.DUPLICATE, Outcome.OLDER)


@pytest.mark.parametrize(
    ("before", "verdict", "state"),
    [
        (a_stored_like("counted"), "held", "quarantined"),
        (a_stored_like("counted"), "void", "void"),
        (a_stored_like("counted"), "cleared", "counted"),
        (a_stored_like("over_limit"), "released", "over_limit"),
        (a_stored_like("over_limit"), "held", "quarantined"),
        (a_stored_like("quarantined", suspect=True), "cleared", "counted"),
        (a_stored_like("quarantined", suspect=True, low=True), "released", "low_quality"),
        (a_stored_like("void", verdict="void"), "released", "counted"),
        (a_stored_like("withdrawn"), "held", "withdrawn"),
        (a_stored_like("withdrawn", verdict="void"), "released", "withdrawn"),
        (a_stored_like("low_quality", low=True), "void", "void"),
    ],
)
def test_a_verdict_changes_the_stored_like(before: Like, verdict: str, state: str):
    after = apply_verdict(before, LikeVerdict(verdict))
    assert after == before._replace(state=LikeState(state), verdict=LikeVerdict(verdict))


@pytest.mark.parametrize(
    ("before", "change", "day"),
    [
        (None, like(SAME), None),
        (a_stored_like("counted"), like(SAME), TUESDAY),
        (a_stored_like("counted"), FROM_SUNDAY, MONDAY),  # Monday's like repeats Sunday's
        (a_stored_like("counted"), unlike(SAME), None),
        (a_stored_like("withdrawn"), like(LATER), TUESDAY),
        (UNLIKED_ONLY, like(EARLIER), None),  # its first like, though an unlike came before
        (UNLIKED_ONLY, like(LATER), None),
    ],
)
def test_the_day_of_a_repeated_like(before: Like | None, change: LikeChange, day: date | None):
    assert repeated_day(before, change) == day


def test_every_outcome_has_a_reason():
    assert set(REASONS) == set(Outcome)
    assert all(REASONS.values())
