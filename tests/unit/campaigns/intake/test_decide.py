"""What a batch changes: folding, the person's daily limit, the tallies."""

from collections import Counter
from datetime import date

import pytest

from campaigns.intake.decide import (
    Decision,
    LikeKey,
    LikeTransition,
    QuotaUse,
    allocate_quota,
    decide_likes,
    group_by_like,
    mark_over_limit,
    quota_use_by_person_day,
    tally_by_day,
)
from campaigns.intake.like_state import Like, LikeChange, LikeState, Outcome

NOON = 1_795_435_200_000_000  # microseconds since 1970
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
ANN, BEN = b"a" * 16, b"b" * 16


def at(seconds: int) -> int:
    return NOON + seconds * 1_000_000


def like(content: str, seconds: int, person: bytes = ANN, day: date = MONDAY) -> tuple[LikeKey, LikeChange]:
    return (content, person), LikeChange(is_like=True, event_us=at(seconds), day=day)


def unlike(content: str, seconds: int, person: bytes = ANN) -> tuple[LikeKey, LikeChange]:
    return (content, person), LikeChange(is_like=False, event_us=at(seconds), day=MONDAY)


def stands(state: LikeState, seconds: int = 0, day: date | None = MONDAY) -> Like:
    return Like(state, at(seconds), day)


def two_a_day(_: date) -> int:
    return 2


def no_limit(_: date) -> None:
    return None


def decided(
    arrived: list[tuple[LikeKey, LikeChange]], known: dict[LikeKey, Like], *, times_matter: bool = True
) -> Decision:
    decision, arrivals = Decision([Outcome.INVALID] * len(arrived)), group_by_like(arrived)
    decide_likes(decision, arrivals, {key: known.get(key) for key in arrivals}, times_matter=times_matter)
    return decision


def test_a_batch_folds_every_event_of_a_like_into_one_change():
    decision = decided([like("x", 1), like("x", 1), unlike("x", 2), like("x", 3), like("y", 1)], {})
    assert decision.transitions == {
        ("x", ANN): LikeTransition(None, stands(LikeState.COUNTED, 3)),
        ("y", ANN): LikeTransition(None, stands(LikeState.COUNTED, 1)),
    }
    assert [outcome.value for outcome in decision.outcomes] == [
        "counted", "duplicate", "withdrawn", "counted", "counted",
    ]  # fmt: skip
    assert decision.duplicates == {("x", ANN): {MONDAY: 2}}


@pytest.mark.parametrize(
    ("known", "arrived", "times_matter", "is_a_change"),
    [
        (stands(LikeState.COUNTED, 5), like("x", 1), True, False),
        (stands(LikeState.COUNTED, 5), like("x", 6), True, True),  # its time moves: an unlike is compared with it
        (
            stands(LikeState.COUNTED, 5),
            like("x", 6),
            False,
            False,
        ),  # where unlikes change nothing, so does a later time
        (stands(LikeState.COUNTED, 5), unlike("x", 1), True, False),
        (stands(LikeState.WITHDRAWN, 5, None), like("x", 1), True, True),  # its day became known
        (stands(LikeState.WITHDRAWN, 5), like("x", 6), False, True),
    ],
)
def test_only_likes_that_differ_afterwards_are_written(
    known: Like,
    arrived: tuple[LikeKey, LikeChange],
    times_matter: bool,
    is_a_change: bool,
):
    decision = decided([arrived], {("x", ANN): known}, times_matter=times_matter)
    assert bool(decision.transitions) is is_a_change


def test_a_like_that_goes_and_comes_back_in_one_batch_leaves_its_place_alone():
    decision = decided([unlike("x", 1), like("x", 2)], {("x", ANN): stands(LikeState.COUNTED)})
    assert [outcome.value for outcome in decision.outcomes] == ["withdrawn", "counted"]
    assert quota_use_by_person_day(decision.transitions, two_a_day) == {}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, stands(LikeState.COUNTED), {(ANN, MONDAY): QuotaUse([("x", ANN)], 0, 1)}),
        (None, stands(LikeState.QUARANTINED), {}),
        (None, stands(LikeState.WITHDRAWN, 0, None), {}),
        (stands(LikeState.COUNTED), stands(LikeState.WITHDRAWN), {(ANN, MONDAY): QuotaUse([], 1, -1)}),
        (stands(LikeState.OVER_LIMIT), stands(LikeState.WITHDRAWN), {(ANN, MONDAY): QuotaUse([], 0, -1)}),
        (stands(LikeState.OVER_LIMIT), stands(LikeState.OVER_LIMIT, 9), {}),
        (stands(LikeState.OVER_LIMIT), stands(LikeState.COUNTED, 9), {(ANN, MONDAY): QuotaUse([("x", ANN)], 0, 0)}),
        (stands(LikeState.WITHDRAWN), stands(LikeState.COUNTED, 9), {(ANN, MONDAY): QuotaUse([("x", ANN)], 0, 1)}),
        (
            stands(LikeState.COUNTED),
            stands(LikeState.COUNTED, 9, TUESDAY),
            {(ANN, MONDAY): QuotaUse([], 1, -1), (ANN, TUESDAY): QuotaUse([("x", ANN)], 0, 1)},
        ),
    ],
)
def test_what_moves_a_persons_day(before: Like | None, after: Like, expected: dict[tuple[bytes, date], QuotaUse]):
    changes = {("x", ANN): LikeTransition(before, after)}
    assert quota_use_by_person_day(changes, two_a_day) == expected
    assert quota_use_by_person_day(changes, no_limit) == {}


def test_only_the_days_with_a_limit_are_kept_per_person():
    changes = {("x", ANN): LikeTransition(stands(LikeState.COUNTED), stands(LikeState.COUNTED, 9, TUESDAY))}
    limited = quota_use_by_person_day(changes, lambda day: 2 if day == TUESDAY else None)
    assert limited == {(ANN, TUESDAY): QuotaUse([("x", ANN)], 0, 1)}


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
    allotment = allocate_quota(QuotaUse(keys, leave, moves_by), live_after, limit)
    assert (len(allotment.over_limit_keys), allotment.promoted_count) == (over, promoted)
    assert allotment.over_limit_keys == keys[entrants - over :]  # who came first counts


def over_limit_of(decision: Decision, arrived: list[tuple[LikeKey, LikeChange]], live_before: int) -> Decision:
    """Apply a limit of two a day as a batch does, to one person's day."""
    for place in quota_use_by_person_day(decision.transitions, two_a_day).values():
        mark_over_limit(
            decision, group_by_like(arrived), allocate_quota(place, live_before + place.live_delta, 2).over_limit_keys
        )
    return decision


def test_over_the_limit_then_withdrawn_then_liked_again_in_one_batch_stays_over():
    known = {("x", ANN): stands(LikeState.OVER_LIMIT)}
    arrived = [unlike("x", 1), like("x", 2)]
    decision = over_limit_of(decided(arrived, known), arrived, live_before=3)
    assert decision.transitions == {("x", ANN): LikeTransition(known["x", ANN], stands(LikeState.OVER_LIMIT, 2))}
    assert decision.outcomes == [Outcome.WITHDRAWN, Outcome.OVER_LIMIT]
    assert tally_by_day(decision.transitions.values(), decision.duplicates.values()) == {MONDAY: Counter(duplicate=1)}


def test_the_third_of_a_day_of_two_is_over_the_limit_and_says_so():
    arrived = [like("x", 3), like("y", 2), like("z", 1), like("z", 4), like("x", 9, BEN)]
    decision = decided(arrived, {})
    mark_over_limit(decision, group_by_like(arrived), [("z", ANN)])
    assert [outcome.value for outcome in decision.outcomes] == [
        "counted", "counted", "over_limit", "duplicate", "counted",
    ]  # fmt: skip
    assert decision.transitions["z", ANN].after.state is LikeState.OVER_LIMIT
    assert tally_by_day(decision.transitions.values(), decision.duplicates.values()) == {
        MONDAY: Counter(counted=3, over_limit=1, duplicate=1)
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, stands(LikeState.COUNTED), {MONDAY: {"counted": 1}}),
        (None, stands(LikeState.WITHDRAWN, 0, None), {}),  # of no day: in no waterfall until its like comes
        (stands(LikeState.WITHDRAWN, 0, None), stands(LikeState.WITHDRAWN), {MONDAY: {"withdrawn": 1}}),
        (stands(LikeState.COUNTED), stands(LikeState.WITHDRAWN), {MONDAY: {"counted": -1, "withdrawn": 1}}),
        (stands(LikeState.COUNTED), stands(LikeState.COUNTED, 9), {}),
        (
            stands(LikeState.WITHDRAWN),
            stands(LikeState.COUNTED, 9, TUESDAY),
            {MONDAY: {"withdrawn": -1}, TUESDAY: {"counted": 1}},
        ),
    ],
)
def test_tallies_tell_how_each_days_states_move(
    before: Like | None, after: Like, expected: dict[date, dict[str, int]]
):
    assert tally_by_day([LikeTransition(before, after)]) == expected


def test_what_is_known_after_all_replaces_what_was_decided_without_it():
    arrived = [like("x", 1), like("x", 2), like("y", 1)]
    decision = decided(arrived, {})
    decide_likes(decision, group_by_like(arrived), {("x", ANN): stands(LikeState.WITHDRAWN, 5)})
    assert decision.transitions == {("y", ANN): LikeTransition(None, stands(LikeState.COUNTED, 1))}
    assert decision.outcomes == [Outcome.OLDER, Outcome.OLDER, Outcome.COUNTED]
    assert decision.duplicates == {("x", ANN): {MONDAY: 2}}


def test_arrivals_about_one_like_keep_their_order_and_places():
    arrived = [like("x", 2), like("y", 1), unlike("x", 1)]
    assert group_by_like(arrived) == {
        ("x", ANN): [(0, arrived[0][1]), (2, arrived[2][1])],
        ("y", ANN): [(1, arrived[1][1])],
    }


def test_an_empty_batch_changes_nothing():
    assert decided([], {}) == Decision([])
    assert tally_by_day([]) == {}
