"""The state machine of a like, as a table.

The stored like, the event, the like afterwards and the outcome.
"""

from datetime import date

import pytest

from campaigns.intake.like_state import REASONS, Like, LikeChange, LikeState, Outcome, apply_event, is_repeat_like

NOON = 1_795_435_200_000_000  # microseconds since 1970
SUNDAY, MONDAY = date(2026, 11, 22), date(2026, 11, 23)
EARLIER, SAME, LATER = NOON - 1, NOON, NOON + 1


def make_stored_like(state: str, day: date | None = SUNDAY) -> Like:
    return Like(LikeState(state), NOON, day)


def like(event_us: int) -> LikeChange:
    return LikeChange(is_like=True, event_us=event_us, day=MONDAY)


def suspect(event_us: int) -> LikeChange:
    return LikeChange(is_like=True, event_us=event_us, day=MONDAY, is_suspect=True)


def unlike(event_us: int) -> LikeChange:
    return LikeChange(is_like=False, event_us=event_us, day=MONDAY)


UNLIKED_ONLY = make_stored_like("withdrawn", None)

TABLE = [
    # stored           event            state after    time   day     outcome
    (None, like(SAME), "counted", SAME, MONDAY, "counted"),
    (None, suspect(SAME), "quarantined", SAME, MONDAY, "quarantined"),
    (None, unlike(SAME), "withdrawn", SAME, None, "withdrawn"),
    (make_stored_like("counted"), like(EARLIER), "counted", SAME, SUNDAY, "duplicate"),
    (make_stored_like("counted"), like(SAME), "counted", SAME, SUNDAY, "duplicate"),
    (make_stored_like("counted"), like(LATER), "counted", LATER, SUNDAY, "duplicate"),
    (make_stored_like("counted"), suspect(LATER), "counted", LATER, SUNDAY, "duplicate"),
    (make_stored_like("counted"), unlike(EARLIER), "counted", SAME, SUNDAY, "older"),
    (make_stored_like("counted"), unlike(SAME), "withdrawn", SAME, SUNDAY, "withdrawn"),  # unlike wins a tie
    (make_stored_like("counted"), unlike(LATER), "withdrawn", LATER, SUNDAY, "withdrawn"),
    (make_stored_like("withdrawn"), like(EARLIER), "withdrawn", SAME, SUNDAY, "older"),
    (make_stored_like("withdrawn"), like(SAME), "withdrawn", SAME, SUNDAY, "older"),
    (make_stored_like("withdrawn"), like(LATER), "counted", LATER, MONDAY, "counted"),  # it counts again, once
    (make_stored_like("withdrawn"), suspect(LATER), "quarantined", LATER, MONDAY, "quarantined"),
    (make_stored_like("withdrawn"), unlike(EARLIER), "withdrawn", SAME, SUNDAY, "older"),
    (make_stored_like("withdrawn"), unlike(SAME), "withdrawn", SAME, SUNDAY, "duplicate"),
    (make_stored_like("withdrawn"), unlike(LATER), "withdrawn", LATER, SUNDAY, "duplicate"),
    (UNLIKED_ONLY, like(EARLIER), "withdrawn", SAME, MONDAY, "older"),  # the unlike came first: now it has a day
    (UNLIKED_ONLY, like(SAME), "withdrawn", SAME, MONDAY, "older"),
    (UNLIKED_ONLY, like(LATER), "counted", LATER, MONDAY, "counted"),
    (UNLIKED_ONLY, unlike(LATER), "withdrawn", LATER, None, "duplicate"),
    (make_stored_like("quarantined"), like(LATER), "quarantined", LATER, SUNDAY, "duplicate"),
    (make_stored_like("quarantined"), unlike(EARLIER), "quarantined", SAME, SUNDAY, "older"),
    (make_stored_like("quarantined"), unlike(LATER), "withdrawn", LATER, SUNDAY, "withdrawn"),
    (make_stored_like("void"), like(LATER), "void", LATER, SUNDAY, "duplicate"),  # judged fake stays fake
    (make_stored_like("void"), unlike(LATER), "void", LATER, SUNDAY, "duplicate"),
    (make_stored_like("void"), unlike(EARLIER), "void", SAME, SUNDAY, "older"),
    (make_stored_like("over_limit"), like(LATER), "over_limit", LATER, SUNDAY, "duplicate"),
    (make_stored_like("over_limit"), unlike(EARLIER), "over_limit", SAME, SUNDAY, "older"),
    (make_stored_like("over_limit"), unlike(SAME), "withdrawn", SAME, SUNDAY, "withdrawn"),
]


@pytest.mark.parametrize(("before", "change", "state", "event_us", "day", "outcome"), TABLE)
def test_an_event_changes_the_stored_like(
    before: Like | None, change: LikeChange, state: str, event_us: int, day: date | None, outcome: str
):
    assert apply_event(before, change) == (Like(LikeState(state), event_us, day), Outcome(outcome))


@pytest.mark.parametrize(("before", "change"), [row[:2] for row in TABLE])
def test_a_replay_changes_nothing_more(before: Like | None, change: LikeChange):
    after, _ = apply_event(before, change)
    replayed, outcome = apply_event(after, change)
    assert replayed == after
    assert outcome in (Outcome.DUPLICATE, Outcome.OLDER)


@pytest.mark.parametrize(
    ("before", "change", "repeated"),
    [
        (None, like(SAME), False),
        (make_stored_like("counted"), like(SAME), True),
        (make_stored_like("counted"), unlike(SAME), False),
        (make_stored_like("withdrawn"), like(LATER), True),
        (UNLIKED_ONLY, like(EARLIER), False),  # its first like, though an unlike came before
        (UNLIKED_ONLY, like(LATER), False),
    ],
)
def test_a_like_is_repeated_if_it_was_liked_before(before: Like | None, change: LikeChange, repeated: bool):
    assert is_repeat_like(before, change) is repeated


def test_every_outcome_has_a_reason():
    assert set(REASONS) == set(Outcome)
    assert all(REASONS.values())
