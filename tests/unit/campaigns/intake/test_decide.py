"""The decision about a batch: events applied to likes, the person's daily limit, the tallies."""

from collections import Counter
from datetime import date

import pytest

from campaigns.intake.daily_limit import (
    DayChange,
    changes_by_person_day,
    first_likes,
    mark_over_limit,
    place_likes,
)
from campaigns.intake.decide import (
    ChangesByLike,
    Decision,
    LikeTransition,
    decide_likes,
    replace_decisions,
    tally_by_day,
)
from campaigns.intake.like_key import LikeKey, content_of, like_key, person_of
from campaigns.intake.like_state import Like, LikeChange, LikeState, Outcome

NOON = 1_795_435_200_000_000  # microseconds since 1970
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
ANN, BEN = b"a" * 16, b"b" * 16


def at(seconds: int) -> int:
    return NOON + seconds * 1_000_000


def like(content: str, seconds: int, person: bytes = ANN, day: date = MONDAY) -> tuple[LikeKey, LikeChange]:
    return like_key(content, person), LikeChange(is_like=True, event_us=at(seconds), day=day)


def unlike(content: str, seconds: int, person: bytes = ANN) -> tuple[LikeKey, LikeChange]:
    return like_key(content, person), LikeChange(is_like=False, event_us=at(seconds), day=MONDAY)


def stands(state: LikeState, seconds: int = 0, day: date | None = MONDAY, latest: int | None = None) -> Like:
    return Like(state, at(seconds), day, at(seconds if latest is None else latest))


def two_a_day(_: date) -> int:
    return 2


def no_limit(_: date) -> None:
    return None


def is_stored(_: LikeKey) -> bool:
    """Say that a like without a transition is stored."""
    return False


def group_by_like(events: list[tuple[LikeKey, LikeChange]]) -> ChangesByLike:
    groups: dict[LikeKey, list[tuple[int, LikeChange]]] = {}
    for position, (key, change) in enumerate(events):
        groups.setdefault(key, []).append((position, change))
    return groups


def decide(
    events: list[tuple[LikeKey, LikeChange]], stored: dict[LikeKey, Like], *, times_matter: bool = True
) -> Decision:
    changes_by_like = group_by_like(events)
    return decide_likes(changes_by_like, {key: stored.get(key) for key in changes_by_like}, times_matter=times_matter)


def outcomes(decision: Decision) -> list[Outcome]:
    return [decision.outcomes[position] for position in range(len(decision.outcomes))]


def test_a_batch_folds_every_event_of_a_like_into_one_change():
    decision = decide([like("x", 1), like("x", 1), unlike("x", 2), like("x", 3), like("y", 1)], {})
    assert decision.transitions == {
        like_key("x", ANN): LikeTransition(None, stands(LikeState.COUNTED, 1, latest=3)),
        like_key("y", ANN): LikeTransition(None, stands(LikeState.COUNTED, 1)),
    }
    assert [outcome.value for outcome in outcomes(decision)] == [
        "counted", "duplicate", "withdrawn", "counted", "counted",
    ]  # fmt: skip
    assert decision.duplicates == {like_key("x", ANN): {MONDAY: 2}}


@pytest.mark.parametrize(
    ("stored", "event", "times_matter", "is_a_change"),
    [
        (stands(LikeState.COUNTED, 5), like("x", 5), True, False),
        (stands(LikeState.COUNTED, 5), like("x", 1), True, True),  # it stands at its earliest like
        (stands(LikeState.COUNTED, 5), like("x", 1), False, True),
        (stands(LikeState.COUNTED, 5), like("x", 6), True, True),  # an unlike is compared with its latest event
        (stands(LikeState.COUNTED, 5), like("x", 6), False, False),  # where unlikes change nothing, it needs none
        (stands(LikeState.COUNTED, 5), unlike("x", 1), True, False),
        (stands(LikeState.WITHDRAWN, 5, None), like("x", 1), True, True),  # its day became stored
        (stands(LikeState.WITHDRAWN, 5), like("x", 6), False, True),
    ],
)
def test_only_likes_that_differ_afterwards_are_written(
    stored: Like,
    event: tuple[LikeKey, LikeChange],
    times_matter: bool,
    is_a_change: bool,
):
    decision = decide([event], {like_key("x", ANN): stored}, times_matter=times_matter)
    assert bool(decision.transitions) is is_a_change


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, stands(LikeState.COUNTED), {(ANN, MONDAY): DayChange(["x"])}),
        (None, stands(LikeState.QUARANTINED), {}),
        (None, stands(LikeState.WITHDRAWN, 0, None), {}),
        (
            stands(LikeState.COUNTED),
            stands(LikeState.WITHDRAWN),
            {(ANN, MONDAY): DayChange(leaving=1)},
        ),
        (
            stands(LikeState.OVER_LIMIT),
            stands(LikeState.WITHDRAWN),
            {(ANN, MONDAY): DayChange(leaving=1)},
        ),
        (stands(LikeState.COUNTED), stands(LikeState.COUNTED, 0, latest=9), {}),
        (
            stands(LikeState.COUNTED, 9),
            stands(LikeState.COUNTED, 5),
            {(ANN, MONDAY): DayChange(staying=["x"])},
        ),
        (
            stands(LikeState.OVER_LIMIT),
            stands(LikeState.COUNTED),
            {(ANN, MONDAY): DayChange(staying=["x"])},
        ),
        (stands(LikeState.WITHDRAWN), stands(LikeState.COUNTED), {(ANN, MONDAY): DayChange(["x"])}),
        (
            stands(LikeState.COUNTED, 9, TUESDAY),
            stands(LikeState.COUNTED),
            {(ANN, TUESDAY): DayChange(leaving=1), (ANN, MONDAY): DayChange(["x"])},
        ),
    ],
)
def test_which_transitions_change_a_persons_day(
    before: Like | None, after: Like, expected: dict[tuple[bytes, date], DayChange]
):
    changes = {like_key("x", ANN): LikeTransition(before, after)}
    assert changes_by_person_day(changes, two_a_day) == expected
    assert changes_by_person_day(changes, no_limit) == {}


def test_only_the_days_with_a_limit_are_kept_per_person():
    changes = {like_key("x", ANN): LikeTransition(stands(LikeState.COUNTED, 9, TUESDAY), stands(LikeState.COUNTED))}
    limited = changes_by_person_day(changes, lambda day: 2 if day == MONDAY else None)
    assert limited == {(ANN, MONDAY): DayChange(["x"])}


@pytest.mark.parametrize(
    ("seconds", "limit", "counted"),
    [
        ({}, 2, ""),
        ({"a": 1}, 2, "a"),
        ({"a": 3, "b": 2, "c": 1}, 2, "bc"),
        ({"c": 1, "b": 1, "a": 1}, 2, "ab"),  # a tie is won by the smaller content
        ({"é": 1, "z": 1}, 1, "z"),  # by its bytes
    ],
)
def test_the_earliest_likes_of_a_day_count(seconds: dict[str, int], limit: int, counted: str):
    likes = {content: stands(LikeState.COUNTED, second) for content, second in seconds.items()}
    assert first_likes(likes, limit) == set(counted)


def test_an_earlier_like_takes_the_place_of_a_later_one():
    new, old, waiting = stands(LikeState.COUNTED, 1), stands(LikeState.COUNTED, 5), stands(LikeState.OVER_LIMIT, 9)
    decision = decide([like("new", 1)], {})
    placed = place_likes(ANN, {"new": new, "old": old, "waiting": waiting}, {"new"}, decision.transitions, is_stored)
    assert placed == {like_key("old", ANN): LikeTransition(old, old._replace(state=LikeState.OVER_LIMIT))}
    placed = place_likes(ANN, {"new": new, "waiting": waiting}, {"new", "waiting"}, decision.transitions, is_stored)
    assert placed == {like_key("waiting", ANN): LikeTransition(waiting, waiting._replace(state=LikeState.COUNTED))}


def place(decision: Decision, events: list[tuple[LikeKey, LikeChange]], *counted: str) -> Decision:
    """Place Ann's likes of Monday; these count."""
    transitions = decision.transitions
    likes = {content_of(key): after for key, (_, after) in transitions.items() if person_of(key) == ANN}
    return mark_over_limit(decision, group_by_like(events), place_likes(ANN, likes, counted, transitions, is_stored))


def test_over_the_limit_then_withdrawn_then_liked_again_in_one_batch_stays_over():
    before, events = stands(LikeState.OVER_LIMIT), [unlike("x", 1), like("x", 2)]
    decision = place(decide(events, {like_key("x", ANN): before}), events)
    assert decision.transitions == {
        like_key("x", ANN): LikeTransition(before, stands(LikeState.OVER_LIMIT, latest=2))
    }
    assert outcomes(decision) == [Outcome.WITHDRAWN, Outcome.OVER_LIMIT]
    assert tally_by_day(decision.transitions.values(), decision.duplicates.values()) == {MONDAY: Counter(duplicate=1)}


def test_the_third_like_of_a_day_with_a_limit_of_two_is_over_the_limit():
    events = [like("x", 3), like("y", 2), like("z", 4), like("z", 5), like("x", 9, BEN)]
    before = decide(events, {})
    decision = place(before, events, "x", "y")
    assert before == decide(events, {}), "the argument stays as it was"
    assert [outcome.value for outcome in outcomes(decision)] == [
        "counted", "counted", "over_limit", "duplicate", "counted",
    ]  # fmt: skip
    assert decision.transitions[like_key("z", ANN)].after.state is LikeState.OVER_LIMIT
    assert tally_by_day(decision.transitions.values(), decision.duplicates.values()) == {
        MONDAY: Counter(counted=3, over_limit=1, duplicate=1)
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, stands(LikeState.COUNTED), {MONDAY: {"counted": 1}}),
        (None, stands(LikeState.WITHDRAWN, 0, None), {}),  # without a day: in no waterfall until its like arrives
        (stands(LikeState.WITHDRAWN, 0, None), stands(LikeState.WITHDRAWN), {MONDAY: {"withdrawn": 1}}),
        (stands(LikeState.COUNTED), stands(LikeState.WITHDRAWN), {MONDAY: {"counted": -1, "withdrawn": 1}}),
        (stands(LikeState.COUNTED), stands(LikeState.COUNTED, 9), {}),
        (
            stands(LikeState.WITHDRAWN, 9, TUESDAY),
            stands(LikeState.COUNTED),
            {TUESDAY: {"withdrawn": -1}, MONDAY: {"counted": 1}},
        ),
    ],
)
def test_tallies_tell_how_each_days_states_move(
    before: Like | None, after: Like, expected: dict[date, dict[str, int]]
):
    assert tally_by_day([LikeTransition(before, after)]) == expected


def test_the_decision_from_stored_likes_replaces_the_one_without_them():
    events = [like("x", 1), like("x", 2), like("y", 1)]
    stored: dict[LikeKey, Like | None] = {like_key("x", ANN): stands(LikeState.WITHDRAWN, 0, latest=5)}
    redecision = decide_likes(group_by_like(events), stored)
    decision = replace_decisions(decide(events, {}), stored.keys(), redecision)
    assert decision.transitions == {like_key("y", ANN): LikeTransition(None, stands(LikeState.COUNTED, 1))}
    assert outcomes(decision) == [Outcome.OLDER, Outcome.OLDER, Outcome.COUNTED]
    assert decision.duplicates == {like_key("x", ANN): {MONDAY: 2}}


def test_a_plain_like_over_the_limit_is_new():
    plain = stands(LikeState.COUNTED)
    placed = place_likes(ANN, {"x": plain}, set(), {}, lambda _: True)
    assert placed == {like_key("x", ANN): LikeTransition(None, plain._replace(state=LikeState.OVER_LIMIT))}
    marked = mark_over_limit(Decision({}, {}, {}), group_by_like([like("x", 0)]), placed)
    assert marked.outcomes == {0: Outcome.OVER_LIMIT}


def test_an_empty_batch_changes_nothing():
    assert decide([], {}) == Decision({}, {}, {})
    assert tally_by_day([]) == {}
