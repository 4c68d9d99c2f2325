"""The plan of a batch: sorted likes, and which of them need a decision before they are claimed."""

from datetime import date, timedelta

import pytest

from campaigns.intake.claim import BatchPlan, plan_batch
from campaigns.intake.event_columns import EventColumns
from campaigns.intake.like_key import LikeKey, content_of, like_key
from campaigns.intake.like_state import Like, LikeChange, LikeState
from promises import campaign, promise

MONDAY = date(2026, 11, 9)
PERSON = b"p" * 16


def columns_of(*events: tuple[str, LikeChange]) -> EventColumns:
    columns = EventColumns(campaign(promise()))
    for number, (content, change) in enumerate(events):
        columns.keys.append(like_key(content, PERSON))
        columns.times_us.append(change.event_us)
        columns.days.append(change.day)
        columns.origins.append((0, number))
        if not change.is_like:
            columns.unlikes.add(number)
        if change.is_suspect:
            columns.suspects.add(number)
    return columns


def like(event_us: int, *, is_like: bool = True, is_suspect: bool = False) -> LikeChange:
    return LikeChange(is_like, event_us, MONDAY + timedelta(days=event_us // 10), is_suspect)


def contents(keys: list[LikeKey]) -> str:
    return "".join(map(content_of, keys))


def decided_contents(plan: BatchPlan) -> str:
    return contents(sorted(plan.changes))


CASES = {
    "nothing": ([], "", "", []),
    "plain likes": ([("b", like(1)), ("a", like(2))], "ab", "", [1, 0]),
    "a repeated like": ([("b", like(1)), ("a", like(2)), ("b", like(3))], "ab", "b", [1, 0]),
    "an unlike": ([("b", like(1, is_like=False)), ("a", like(2))], "ab", "b", [1, 0]),
    "a suspect like": ([("b", like(1)), ("a", like(2, is_suspect=True))], "ab", "a", [1, 0]),
    "bytes order": ([("é", like(1)), ("z", like(2)), ("B", like(3))], "Bzé", "", [2, 1, 0]),
}


@pytest.mark.parametrize(("events", "sorted_contents", "decided", "first_events"), CASES.values(), ids=CASES)
def test_a_plan(events: list[tuple[str, LikeChange]], sorted_contents: str, decided: str, first_events: list[int]):
    plan = plan_batch(columns_of(*events))
    assert (contents(plan.keys), decided_contents(plan), plan.events) == (sorted_contents, decided, first_events)


def test_a_like_that_is_not_plain_is_claimed_as_its_events_leave_it():
    events = ("a", like(15)), ("b", like(3)), ("a", like(2)), ("a", like(20, is_like=False))
    plan = plan_batch(columns_of(*events))
    after = plan.decision.transitions[like_key("a", PERSON)].after
    assert after == Like(LikeState.WITHDRAWN, 2, MONDAY, 20)
    assert [event for event, _ in plan.changes_of(0)] == [0, 2, 3]
    assert plan.changes_of(1) == [(1, like(3))]


def test_the_likes_of_erased_people_are_not_claimed():
    plan = plan_batch(columns_of(("a", like(1)), ("b", like(2)), ("a", like(3))), {like_key("a", PERSON)})
    assert (contents(plan.keys), plan.changes, plan.events) == ("b", {}, [1])
