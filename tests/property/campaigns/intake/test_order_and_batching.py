"""Whatever the order and the repetition of events about a like, it ends the same.

The same through batches, senders and the database: `tests/integration/campaigns/intake/test_any_order.py`.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.intake.decide import decide_likes, tally_by_day
from campaigns.intake.like_key import like_key
from campaigns.intake.like_state import Like, LikeChange, LikeVerdict, Outcome, apply_event, apply_verdict
from like_oracle import OracleEvent, work_out

MONDAY = date(2026, 11, 23)
DAY_US = 86_400_000_000
KEY = like_key("x", b"p" * 16)
MANY = settings(max_examples=200, deadline=None)


def event(*, is_like: bool, day: int, moment: int, is_suspect: bool, is_low_quality: bool) -> LikeChange:
    flags = is_suspect and is_like, is_low_quality and is_like
    return LikeChange(is_like, day * DAY_US + moment, MONDAY + timedelta(days=day), *flags)


EVENTS = st.lists(
    st.builds(
        event,
        is_like=st.sampled_from([True, True, False]),
        day=st.integers(0, 2),
        moment=st.integers(0, 3),
        is_suspect=st.booleans(),
        is_low_quality=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@st.composite
def arrivals(draw: st.DrawFn) -> list[LikeChange]:
    happened = draw(EVENTS)
    return draw(st.permutations(happened + draw(st.lists(st.sampled_from(happened), max_size=4))))


def fold(events: Sequence[LikeChange]) -> Like | None:
    like: Like | None = None
    for change in events:
        like, _ = apply_event(like, change)
    return like


@MANY
@given(arrivals(), st.randoms())
def test_the_events_of_a_like_commute(arrived: list[LikeChange], random: st.DataObject):
    shuffled = list(arrived)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold(arrived) == fold(shuffled)


@MANY
@given(arrivals(), st.lists(st.tuples(st.integers(1, 16), st.sampled_from(LikeVerdict)), max_size=4))
def test_the_last_verdict_decides_whenever_it_comes(
    arrived: list[LikeChange], verdicts: list[tuple[int, LikeVerdict]]
):
    like, last = None, None
    for number, change in enumerate(arrived, 1):
        like, _ = apply_event(like, change)
        for after, verdict in verdicts:
            if after == number:
                like, last = apply_verdict(like, verdict), verdict
    expected = fold(arrived)
    assert expected is not None
    assert like == (expected if last is None else apply_verdict(expected, last))
    events = [OracleEvent("x", "p", *change) for change in arrived]
    assert like is not None
    assert (like.day, like.state.value) == work_out(events, None, {("x", "p"): last} if last else {}).states["x", "p"]


@MANY
@given(arrivals())
def test_everything_again_changes_nothing(arrived: list[LikeChange]):
    like = fold(arrived)
    for change in arrived:
        again, outcome = apply_event(like, change)
        assert again == like
        assert outcome in (Outcome.DUPLICATE, Outcome.OLDER)


@MANY
@given(arrivals(), st.integers(0, 16))
def test_state_day_and_tallies_are_those_of_the_oracle(arrived: list[LikeChange], cut: int):
    stored, counts = None, Counter[tuple[date, str]]()
    for batch in (arrived[:cut], arrived[cut:]):
        decision = decide_likes({KEY: list(enumerate(batch))}, {KEY: stored} if batch else {})
        for day, tallies in tally_by_day(decision.transitions.values(), decision.duplicates.values()).items():
            counts.update({(day, name): likes for name, likes in tallies.items()})
        stored = decision.transitions[KEY].after if decision.transitions else stored
    expected = work_out([OracleEvent("x", "p", *change) for change in arrived], None)
    assert stored is not None
    assert (stored.day, stored.state.value) == expected.states["x", "p"]
    assert {key: likes for key, likes in counts.items() if likes} == dict(expected.counts)
