"""Whatever the order, the batching and the repetition of events, the same likes count. A model of the pure functions:
a table in memory stands for the rows that SQL holds.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.intake.decide import (
    Decision,
    LikeKey,
    PersonDay,
    Tallies,
    allocate_quota,
    decide_likes,
    group_by_like,
    mark_over_limit,
    quota_use_by_person_day,
    tally_by_day,
)
from campaigns.intake.like_state import LIVE_STATES, Like, LikeChange, LikeState, Outcome

MONDAY = date(2026, 11, 23)
DAY_US = 86_400_000_000
MANY = settings(max_examples=50, deadline=None)

Arrived = tuple[LikeKey, LikeChange]


@dataclass
class Table:
    """Likes as the database holds them, after any number of batches under a daily limit of one person."""

    limit: int | None
    likes: dict[LikeKey, Like] = field(default_factory=dict)
    live: Counter[PersonDay] = field(default_factory=Counter)
    tallies: Counter[tuple[date, str]] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def record(self, arrived: Sequence[Arrived]) -> None:
        """Do what a transaction of intake does."""
        arrivals, decision = group_by_like(arrived), Decision([Outcome.INVALID] * len(arrived))
        decide_likes(decision, arrivals, {key: self.likes.get(key) for key in arrivals})
        moved = quota_use_by_person_day(decision.transitions, lambda _: self.limit)
        promotions: dict[PersonDay, int] = {}
        over: list[LikeKey] = []
        for day, place in moved.items():
            self.live[day] += place.live_delta
            allotment = allocate_quota(place, self.live[day], self.limit or 0)
            over += allotment.over_limit_keys
            promotions[day] = allotment.promoted_count
        mark_over_limit(decision, arrivals, over)
        self.likes |= {key: change.after for key, change in decision.transitions.items()}
        self._add(tally_by_day(list(decision.transitions.values()), decision.duplicates.values()))
        for day, promoted in promotions.items():
            self._promote(day, promoted)
        self.outcomes.update(decision.outcomes)

    def _promote(self, day: PersonDay, promoted: int) -> None:
        waiting = sorted(
            (like.event_us, key[0], key)
            for key, like in self.likes.items()
            if (key[1], like.day) == day and like.state is LikeState.OVER_LIMIT
        )
        assert len(waiting) >= promoted, "more were to move up than wait"
        for _, _, key in waiting[:promoted]:
            self.likes[key] = self.likes[key]._replace(state=LikeState.COUNTED)
            self._add({day[1]: Counter(over_limit=-1, counted=1)})

    def _add(self, tallies: Tallies) -> None:
        for day, counts in tallies.items():
            for name, likes in counts.items():
                self.tallies[day, name] += likes

    def by_state(self) -> Counter[tuple[date, str]]:
        """Return the numbers of likes by day and state, as a scan of the table finds them."""
        return Counter((like.day, like.state.value) for like in self.likes.values() if like.day is not None)

    def counting(self) -> set[LikeKey]:
        return {key for key, like in self.likes.items() if like.state is LikeState.COUNTED}


class Delivered(NamedTuple):
    """Events as they happened, and the same as they arrived: shuffled, some again, cut into batches."""

    happened: list[Arrived]
    batches: list[list[Arrived]]


def like_or_unlike(*, days: int, suspects: bool) -> st.SearchStrategy[Arrived]:
    return st.builds(
        lambda content, person, is_like, day, moment, suspect: (
            (content, person * 16),
            LikeChange(is_like, day * DAY_US + moment, MONDAY + timedelta(days=day), is_suspect=suspect and is_like),
        ),
        st.sampled_from("vwxyz"),
        st.sampled_from([b"a", b"a", b"b"]),
        st.sampled_from([True, True, False]),
        st.integers(0, days - 1),
        st.integers(0, 5),
        st.booleans() if suspects else st.just(value=False),
    )


@st.composite
def deliveries(draw: st.DrawFn, *, days: int = 1, suspects: bool = False, at_least: int = 0) -> Delivered:
    happened = draw(st.lists(like_or_unlike(days=days, suspects=suspects), min_size=at_least, max_size=40))
    again = draw(st.lists(st.sampled_from(happened), max_size=5)) if happened else []
    arrived = draw(st.permutations(happened + again))
    cuts = sorted(draw(st.lists(st.integers(0, len(arrived)), max_size=12)))
    return Delivered(
        happened, [arrived[start:end] for start, end in zip([0, *cuts], [*cuts, len(arrived)], strict=True)]
    )


def table_of(batches: Sequence[Sequence[Arrived]], limit: int | None) -> Table:
    table = Table(limit)
    for one in batches:
        table.record(one)
    return table


CROWD = 15  # events, so that limits are reached and places become free
LIMITS = st.none() | st.integers(1, 3)


@MANY
@given(deliveries(days=3))
def test_a_like_counts_if_its_latest_like_is_later_than_its_latest_unlike(delivered: Delivered):
    latest: dict[tuple[LikeKey, bool], int] = {}
    for key, incoming in delivered.happened:
        place = (key, incoming.is_like)
        latest[place] = max(latest.get(place, -1), incoming.event_us)
    expected = {key for key, is_like in latest if is_like and latest[key, True] > latest.get((key, False), -1)}
    assert table_of(delivered.batches, None).counting() == expected
    assert table_of([delivered.happened], None).counting() == expected
    assert table_of([[one] for one in delivered.happened], None).counting() == expected


@MANY
@given(deliveries(at_least=CROWD), LIMITS)
def test_on_one_day_any_order_and_batching_give_the_same_counts(delivered: Delivered, limit: int | None):
    arrived = table_of(delivered.batches, limit)
    at_once = table_of([delivered.happened], limit)
    in_order = table_of([[one] for one in sorted(delivered.happened)], limit)
    assert arrived.by_state() == at_once.by_state() == in_order.by_state()


@MANY
@given(deliveries(days=3, suspects=True, at_least=CROWD), LIMITS)
def test_tallies_add_up_to_the_table_and_every_like_received_is_accounted_for(
    delivered: Delivered, limit: int | None
):
    table = table_of(delivered.batches, limit)
    states = Counter({place: n for place, n in table.tallies.items() if place[1] != "duplicate" and n})
    assert states == table.by_state()
    received = sum(incoming.is_like for batch in delivered.batches for _, incoming in batch)
    assert sum(table.tallies.values()) == received
    assert sum(table.outcomes.values()) == sum(len(batch) for batch in delivered.batches)


@MANY
@given(deliveries(days=2, suspects=True, at_least=CROWD), st.integers(1, 3))
def test_as_many_count_a_day_as_the_limit_allows_after_every_batch(delivered: Delivered, limit: int):
    table = Table(limit)
    for batch in delivered.batches:
        table.record(batch)
        live = Counter((k[1], like.day) for k, like in table.likes.items() if like.day and like.state in LIVE_STATES)
        counted = Counter((key[1], table.likes[key].day) for key in table.counting())
        assert +table.live == live
        assert all(counted[day] == min(limit, likes) for day, likes in live.items())


@MANY
@given(deliveries(days=2, at_least=CROWD), LIMITS)
def test_everything_again_changes_nothing_but_the_number_of_duplicates(delivered: Delivered, limit: int | None):
    table = table_of(delivered.batches, limit)
    before = dict(table.likes)
    for batch in delivered.batches:
        table.record(batch)
    assert table.likes == before
