"""The life of a like, as a table: what is known, what comes, what is known then and what is answered."""

from datetime import date

import pytest

from campaigns.intake.like_state import REASONS, Like, LikeChange, LikeState, Outcome, apply_event, is_repeat_like

NOON = 1_795_435_200_000_000  # microseconds since 1970
SUNDAY, MONDAY = date(2026, 11, 22), date(2026, 11, 23)
EARLIER, SAME, LATER = NOON - 1, NOON, NOON + 1


def known(state: str, day: date | None = SUNDAY) -> Like:
    return Like(LikeState(state), NOON, day)


def like(event_us: int) -> LikeChange:
    return LikeChange(is_like=True, event_us=event_us, day=MONDAY)


def suspect(event_us: int) -> LikeChange:
    return LikeChange(is_like=True, event_us=event_us, day=MONDAY, is_suspect=True)


def unlike(event_us: int) -> LikeChange:
    return LikeChange(is_like=False, event_us=event_us, day=MONDAY)


UNLIKED_ONLY = known("withdrawn", None)

TABLE = [
    # known            comes            state then     time   day     outcome
    (None, like(SAME), "counted", SAME, MONDAY, "counted"),
    (None, suspect(SAME), "quarantined", SAME, MONDAY, "quarantined"),
    (None, unlike(SAME), "withdrawn", SAME, None, "withdrawn"),
    (known("counted"), like(EARLIER), "counted", SAME, SUNDAY, "duplicate"),
    (known("counted"), like(SAME), "counted", SAME, SUNDAY, "duplicate"),
    (known("counted"), like(LATER), "counted", LATER, SUNDAY, "duplicate"),
    (known("counted"), suspect(LATER), "counted", LATER, SUNDAY, "duplicate"),
    (known("counted"), unlike(EARLIER), "counted", SAME, SUNDAY, "older"),
    (known("counted"), unlike(SAME), "withdrawn", SAME, SUNDAY, "withdrawn"),  # a tie is won by unlike
    (known("counted"), unlike(LATER), "withdrawn", LATER, SUNDAY, "withdrawn"),
    (known("withdrawn"), like(EARLIER), "withdrawn", SAME, SUNDAY, "older"),
    (known("withdrawn"), like(SAME), "withdrawn", SAME, SUNDAY, "older"),
    (known("withdrawn"), like(LATER), "counted", LATER, MONDAY, "counted"),  # it comes back, once
    (known("withdrawn"), suspect(LATER), "quarantined", LATER, MONDAY, "quarantined"),
    (known("withdrawn"), unlike(EARLIER), "withdrawn", SAME, SUNDAY, "older"),
    (known("withdrawn"), unlike(SAME), "withdrawn", SAME, SUNDAY, "duplicate"),
    (known("withdrawn"), unlike(LATER), "withdrawn", LATER, SUNDAY, "duplicate"),
    (UNLIKED_ONLY, like(EARLIER), "withdrawn", SAME, MONDAY, "older"),  # the unlike came first: now its day is known
    (UNLIKED_ONLY, like(SAME), "withdrawn", SAME, MONDAY, "older"),
    (UNLIKED_ONLY, like(LATER), "counted", LATER, MONDAY, "counted"),
    (UNLIKED_ONLY, unlike(LATER), "withdrawn", LATER, None, "duplicate"),
    (known("quarantined"), like(LATER), "quarantined", LATER, SUNDAY, "duplicate"),
    (known("quarantined"), unlike(EARLIER), "quarantined", SAME, SUNDAY, "older"),
    (known("quarantined"), unlike(LATER), "withdrawn", LATER, SUNDAY, "withdrawn"),
    (known("void"), like(LATER), "void", LATER, SUNDAY, "duplicate"),  # judged fake stays fake
    (known("void"), unlike(LATER), "void", LATER, SUNDAY, "duplicate"),
    (known("void"), unlike(EARLIER), "void", SAME, SUNDAY, "older"),
    (known("over_limit"), like(LATER), "over_limit", LATER, SUNDAY, "duplicate"),
    (known("over_limit"), unlike(EARLIER), "over_limit", SAME, SUNDAY, "older"),
    (known("over_limit"), unlike(SAME), "withdrawn", SAME, SUNDAY, "withdrawn"),
]


@pytest.mark.parametrize(("before", "incoming", "state", "event_us", "day", "outcome"), TABLE)
def test_what_is_known_meets_what_comes(
    before: Like | None, incoming: LikeChange, state: str, event_us: int, day: date | None, outcome: str
):
    assert apply_event(before, incoming) == (Like(LikeState(state), event_us, day), Outcome(outcome))


@pytest.mark.parametrize(("before", "incoming"), [row[:2] for row in TABLE])
def test_a_replay_changes_nothing_more(before: Like | None, incoming: LikeChange):
    once, _ = apply_event(before, incoming)
    again, outcome = apply_event(once, incoming)
    assert again == once
    assert outcome in (Outcome.DUPLICATE, Outcome.OLDER)


@pytest.mark.parametrize(
    ("before", "incoming", "repeated"),
    [
        (None, like(SAME), False),
        (known("counted"), like(SAME), True),
        (known("counted"), unlike(SAME), False),
        (known("withdrawn"), like(LATER), True),
        (UNLIKED_ONLY, like(EARLIER), False),  # the first like of it, though an unlike was known
        (UNLIKED_ONLY, like(LATER), False),
    ],
)
def test_a_like_is_repeated_if_it_was_liked_before(before: Like | None, incoming: LikeChange, repeated: bool):
    assert is_repeat_like(before, incoming) is repeated


def test_every_outcome_has_a_sentence_for_the_person_who_asks_why():
    assert set(REASONS) == set(Outcome)
    assert all(REASONS.values())
