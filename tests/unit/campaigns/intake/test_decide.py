"""What a batch changes: folding, the person's daily limit, the tallies."""

from collections import Counter
from datetime import date

import pytest

from campaigns.intake.decide import (
    Change,
    Decision,
    Key,
    Place,
    allot,
    decide,
    group,
    person_days,
    put_over_limit,
    tally,
)
from campaigns.intake.like_state import Incoming, Like, Outcome, State

NOON = 1_795_435_200_000_000  # microseconds since 1970
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
ANN, BEN = b"a" * 16, b"b" * 16


def at(seconds: int) -> int:
    return NOON + seconds * 1_000_000


def like(content: str, seconds: int, person: bytes = ANN, day: date = MONDAY) -> tuple[Key, Incoming]:
    return (content, person), Incoming(is_like=True, event_us=at(seconds), day=day)


def unlike(content: str, seconds: int, person: bytes = ANN) -> tuple[Key, Incoming]:
    return (content, person), Incoming(is_like=False, event_us=at(seconds), day=MONDAY)


def stands(state: State, seconds: int = 0, day: date | None = MONDAY) -> Like:
    return Like(state, at(seconds), day)


def two_a_day(_: date) -> int:
    return 2


def no_limit(_: date) -> None:
    return None


def decided(arrived: list[tuple[Key, Incoming]], known: dict[Key, Like], *, times_matter: bool = True) -> Decision:
    decision, arrivals = Decision([Outcome.INVALID] * len(arrived)), group(arrived)
    decide(decision, arrivals, {key: known.get(key) for key in arrivals}, times_matter=times_matter)
    return decision


def test_a_batch_folds_every_event_of_a_like_into_one_change():
    decision = decided([like("x", 1), like("x", 1), unlike("x", 2), like("x", 3), like("y", 1)], {})
    assert decision.changes == {
        ("x", ANN): Change(None, stands(State.COUNTED, 3)),
        ("y", ANN): Change(None, stands(State.COUNTED, 1)),
    }
    assert [outcome.value for outcome in decision.outcomes] == [
        "counted", "duplicate", "withdrawn", "counted", "counted",
    ]  # fmt: skip
    assert decision.repeated == {("x", ANN): {MONDAY: 2}}


@pytest.mark.parametrize(
    ("known", "arrived", "times_matter", "is_a_change"),
    [
        (stands(State.COUNTED, 5), like("x", 1), True, False),
        (stands(State.COUNTED, 5), like("x", 6), True, True),  # its time moves: an unlike is compared with it
        (stands(State.COUNTED, 5), like("x", 6), False, False),  # where unlikes change nothing, so does a later time
        (stands(State.COUNTED, 5), unlike("x", 1), True, False),
        (stands(State.WITHDRAWN, 5, None), like("x", 1), True, True),  # its day became known
        (stands(State.WITHDRAWN, 5), like("x", 6), False, True),
    ],
)
def test_only_likes_that_differ_afterwards_are_written(
    known: Like,
    arrived: tuple[Key, Incoming],
    times_matter: bool,
    is_a_change: bool,
):
    decision = decided([arrived], {("x", ANN): known}, times_matter=times_matter)
    assert bool(decision.changes) is is_a_change


def test_a_like_that_goes_and_comes_back_in_one_batch_leaves_its_place_alone():
    decision = decided([unlike("x", 1), like("x", 2)], {("x", ANN): stands(State.COUNTED)})
    assert [outcome.value for outcome in decision.outcomes] == ["withdrawn", "counted"]
    assert person_days(decision.changes, two_a_day) == {}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, stands(State.COUNTED), {(ANN, MONDAY): Place([("x", ANN)], 0, 1)}),
        (None, stands(State.QUARANTINED), {}),
        (None, stands(State.WITHDRAWN, 0, None), {}),
        (stands(State.COUNTED), stands(State.WITHDRAWN), {(ANN, MONDAY): Place([], 1, -1)}),
        (stands(State.OVER_LIMIT), stands(State.WITHDRAWN), {(ANN, MONDAY): Place([], 0, -1)}),
        (stands(State.OVER_LIMIT), stands(State.OVER_LIMIT, 9), {}),
        (stands(State.OVER_LIMIT), stands(State.COUNTED, 9), {(ANN, MONDAY): Place([("x", ANN)], 0, 0)}),
        (stands(State.WITHDRAWN), stands(State.COUNTED, 9), {(ANN, MONDAY): Place([("x", ANN)], 0, 1)}),
        (
            stands(State.COUNTED),
            stands(State.COUNTED, 9, TUESDAY),
            {(ANN, MONDAY): Place([], 1, -1), (ANN, TUESDAY): Place([("x", ANN)], 0, 1)},
        ),
    ],
)
def test_what_moves_a_persons_day(before: Like | None, after: Like, expected: dict[tuple[bytes, date], Place]):
    changes = {("x", ANN): Change(before, after)}
    assert person_days(changes, two_a_day) == expected
    assert person_days(changes, no_limit) == {}


def test_only_the_days_with_a_limit_are_kept_per_person():
    changes = {("x", ANN): Change(stands(State.COUNTED), stands(State.COUNTED, 9, TUESDAY))}
    limited = person_days(changes, lambda day: 2 if day == TUESDAY else None)
    assert limited == {(ANN, TUESDAY): Place([("x", ANN)], 0, 1)}


@pytest.mark.parametrize(
    ("entrants", "leave", "moves_by", "live_after", "limit", "over", "promoted"),
    [
        (3, 0, 3, 3, 2, 1, 0),  # three come to an empty day of two places
        (3, 0, 3, 5, 2, 3, 0),  # it was full before
        (1, 0, 1, 2, 2, 0, 0),
        (0, 1, -1, 1, 2, 0, 0),  # one leaves, none waits
        (0, 1, -1, 2, 2, 0, 1),  # one leaves, one of those over the limit moves up
        (0, 0, -1, 2, 2, 0, 0),  # one that was over the limit leaves
        (1, 1, 0, 3, 2, 0, 0),  # one leaves and another enters: it takes the place
        (1, 2, -1, 3, 2, 0, 1),  # two leave, one enters, one moves up
        (1, 0, 0, 3, 2, 1, 0),  # one over the limit went and came back: still over
        (0, 2, -2, 5, 2, 0, 2),
    ],
)
def test_as_many_count_as_the_limit_allows_of_all_that_are_live(
    entrants: int, leave: int, moves_by: int, live_after: int, limit: int, over: int, promoted: int
):
    keys = [(f"c{n}", ANN) for n in range(entrants)]
    allotment = allot(Place(keys, leave, moves_by), live_after, limit)
    assert (len(allotment.over), allotment.promoted) == (over, promoted)
    assert allotment.over == keys[entrants - over :]  # who came first counts


def over_limit_of(decision: Decision, arrived: list[tuple[Key, Incoming]], live_before: int) -> Decision:
    """Apply a limit of two a day as a batch does, to one person's day."""
    for place in person_days(decision.changes, two_a_day).values():
        put_over_limit(decision, group(arrived), allot(place, live_before + place.moves_by, 2).over)
    return decision


def test_over_the_limit_then_withdrawn_then_liked_again_in_one_batch_stays_over():
    known = {("x", ANN): stands(State.OVER_LIMIT)}
    arrived = [unlike("x", 1), like("x", 2)]
    decision = over_limit_of(decided(arrived, known), arrived, live_before=3)
    assert decision.changes == {("x", ANN): Change(known["x", ANN], stands(State.OVER_LIMIT, 2))}
    assert decision.outcomes == [Outcome.WITHDRAWN, Outcome.OVER_LIMIT]
    assert tally(decision.changes.values(), decision.repeated.values()) == {MONDAY: Counter(duplicate=1)}


def test_the_third_of_a_day_of_two_is_over_the_limit_and_says_so():
    arrived = [like("x", 3), like("y", 2), like("z", 1), like("z", 4), like("x", 9, BEN)]
    decision = decided(arrived, {})
    put_over_limit(decision, group(arrived), [("z", ANN)])
    assert [outcome.value for outcome in decision.outcomes] == [
        "counted", "counted", "over_limit", "duplicate", "counted",
    ]  # fmt: skip
    assert decision.changes["z", ANN].after.state is State.OVER_LIMIT
    assert tally(decision.changes.values(), decision.repeated.values()) == {
        MONDAY: Counter(counted=3, over_limit=1, duplicate=1)
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, stands(State.COUNTED), {MONDAY: {"counted": 1}}),
        (None, stands(State.WITHDRAWN, 0, None), {}),  # of no day: in no waterfall until its like comes
        (stands(State.WITHDRAWN, 0, None), stands(State.WITHDRAWN), {MONDAY: {"withdrawn": 1}}),
        (stands(State.COUNTED), stands(State.WITHDRAWN), {MONDAY: {"counted": -1, "withdrawn": 1}}),
        (stands(State.COUNTED), stands(State.COUNTED, 9), {}),
        (
            stands(State.WITHDRAWN),
            stands(State.COUNTED, 9, TUESDAY),
            {MONDAY: {"withdrawn": -1}, TUESDAY: {"counted": 1}},
        ),
    ],
)
def test_tallies_tell_how_each_days_states_move(
    before: Like | None, after: Like, expected: dict[date, dict[str, int]]
):
    assert tally([Change(before, after)]) == expected


def test_what_is_known_after_all_replaces_what_was_decided_without_it():
    arrived = [like("x", 1), like("x", 2), like("y", 1)]
    decision = decided(arrived, {})
    decide(decision, group(arrived), {("x", ANN): stands(State.WITHDRAWN, 5)})
    assert decision.changes == {("y", ANN): Change(None, stands(State.COUNTED, 1))}
    assert decision.outcomes == [Outcome.OLDER, Outcome.OLDER, Outcome.COUNTED]
    assert decision.repeated == {("x", ANN): {MONDAY: 2}}


def test_arrivals_about_one_like_keep_their_order_and_places():
    arrived = [like("x", 2), like("y", 1), unlike("x", 1)]
    assert group(arrived) == {
        ("x", ANN): [(0, arrived[0][1]), (2, arrived[2][1])],
        ("y", ANN): [(1, arrived[1][1])],
    }


def test_an_empty_batch_changes_nothing():
    assert decided([], {}) == Decision([])
    assert tally([]) == {}
