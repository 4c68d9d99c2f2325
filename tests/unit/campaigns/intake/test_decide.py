"""The decision about a batch: events applied to likes, the person's daily limit, the tallies."""

from collections import Counter
from datetime import date

import pytest

from campaigns.intake.daily_limit import QuotaUse, allocate_quota, mark_over_limit, quota_use_by_person_day
from campaigns.intake.decide import (
    Decision,
    LikeKey,
    LikeTransition,
    decide_likes,
    group_by_like,
    replace_decisions,
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
        ("x", ANN): LikeTransition(None, stands(LikeState.COUNTED, 3)),
        ("y", ANN): LikeTransition(None, stands(LikeState.COUNTED, 1)),
    }
    assert [outcome.value for outcome in outcomes(decision)] == [
        "counted", "duplicate", "withdrawn", "counted", "counted",
    ]  # fmt: skip
    assert decision.duplicates == {("x", ANN): {MONDAY: 2}}


@pytest.mark.parametrize(
    ("stored", "event", "times_matter", "is_a_change"),
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
    decision = decide([event], {("x", ANN): stored}, times_matter=times_matter)
    assert bool(decision.transitions) is is_a_change


def test_a_like_withdrawn_and_liked_again_in_one_batch_uses_no_further_quota():
    decision = decide([unlike("x", 1), like("x", 2)], {("x", ANN): stands(LikeState.COUNTED)})
    assert [outcome.value for outcome in outcomes(decision)] == ["withdrawn", "counted"]
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
def test_which_transitions_change_a_persons_day(
    before: Like | None, after: Like, expected: dict[tuple[bytes, date], QuotaUse]
):
    changes = {("x", ANN): LikeTransition(before, after)}
    assert quota_use_by_person_day(changes, two_a_day) == expected
    assert quota_use_by_person_day(changes, no_limit) == {}


def test_only_the_days_with_a_limit_are_kept_per_person():
    changes = {("x", ANN): LikeTransition(stands(LikeState.COUNTED), stands(LikeState.COUNTED, 9, TUESDAY))}
    limited = quota_use_by_person_day(changes, lambda day: 2 if day == TUESDAY else None)
    assert limited == {(ANN, TUESDAY): QuotaUse([("x", ANN)], 0, 1)}


@pytest.mark.parametrize(
    ("entrants", "leaving", "live_delta", "live_after", "limit", "over", "promoted"),
    [
        (3, 0, 3, 3, 2, 1, 0),  # three on an empty day with a limit of two
        (3, 0, 3, 5, 2, 3, 0),  # it was full before
        (1, 0, 1, 2, 2, 0, 0),
        (0, 1, -1, 1, 2, 0, 0),  # one leaves, none waits
        (0, 1, -1, 2, 2, 0, 1),  # one leaves, one of those over the limit is promoted
        (0, 0, -1, 2, 2, 0, 0),  # one that was over the limit leaves
        (1, 1, 0, 3, 2, 0, 0),  # one leaves and another enters: it counts instead
        (1, 2, -1, 3, 2, 0, 1),  # two leaving, one enters, one is promoted
        (1, 0, 0, 3, 2, 1, 0),  # one over the limit was withdrawn and liked again: still over
        (0, 2, -2, 5, 2, 0, 2),
    ],
)
def test_as_many_count_as_the_limit_allows_of_all_that_are_live(
    entrants: int, leaving: int, live_delta: int, live_after: int, limit: int, over: int, promoted: int
):
    keys = [(f"c{n}", ANN) for n in range(entrants)]
    quota = allocate_quota(QuotaUse(keys, leaving, live_delta), live_after, limit)
    assert (len(quota.over_limit_keys), quota.promoted_count) == (over, promoted)
    assert quota.over_limit_keys == keys[entrants - over :]  # the first ones count


def limit_to_two(decision: Decision, events: list[tuple[LikeKey, LikeChange]], live_before: int) -> Decision:
    """Apply a limit of two a day, as a batch does."""
    for quota_use in quota_use_by_person_day(decision.transitions, two_a_day).values():
        quota = allocate_quota(quota_use, live_before + quota_use.live_delta, 2)
        decision = mark_over_limit(decision, group_by_like(events), quota.over_limit_keys)
    return decision


def test_over_the_limit_then_withdrawn_then_liked_again_in_one_batch_stays_over():
    stored = {("x", ANN): stands(LikeState.OVER_LIMIT)}
    events = [unlike("x", 1), like("x", 2)]
    decision = limit_to_two(decide(events, stored), events, live_before=3)
    assert decision.transitions == {("x", ANN): LikeTransition(stored["x", ANN], stands(LikeState.OVER_LIMIT, 2))}
    assert outcomes(decision) == [Outcome.WITHDRAWN, Outcome.OVER_LIMIT]
    assert tally_by_day(decision.transitions.values(), decision.duplicates.values()) == {MONDAY: Counter(duplicate=1)}


def test_the_third_like_of_a_day_with_a_limit_of_two_is_over_the_limit():
    events = [like("x", 3), like("y", 2), like("z", 1), like("z", 4), like("x", 9, BEN)]
    before = decide(events, {})
    decision = mark_over_limit(before, group_by_like(events), [("z", ANN)])
    assert before == decide(events, {}), "the argument stays as it was"
    assert [outcome.value for outcome in outcomes(decision)] == [
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
        (None, stands(LikeState.WITHDRAWN, 0, None), {}),  # without a day: in no waterfall until its like arrives
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


def test_the_decision_from_stored_likes_replaces_the_one_without_them():
    events = [like("x", 1), like("x", 2), like("y", 1)]
    stored: dict[LikeKey, Like | None] = {("x", ANN): stands(LikeState.WITHDRAWN, 5)}
    redecision = decide_likes(group_by_like(events), stored)
    decision = replace_decisions(decide(events, {}), stored.keys(), redecision)
    assert decision.transitions == {("y", ANN): LikeTransition(None, stands(LikeState.COUNTED, 1))}
    assert outcomes(decision) == [Outcome.OLDER, Outcome.OLDER, Outcome.COUNTED]
    assert decision.duplicates == {("x", ANN): {MONDAY: 2}}


def test_events_of_one_like_keep_their_order_and_positions():
    events = [like("x", 2), like("y", 1), unlike("x", 1)]
    assert group_by_like(events) == {
        ("x", ANN): [(0, events[0][1]), (2, events[2][1])],
        ("y", ANN): [(1, events[1][1])],
    }


def test_an_empty_batch_changes_nothing():
    assert decide([], {}) == Decision({}, {}, {})
    assert tally_by_day([]) == {}
