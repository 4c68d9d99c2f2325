"""Whatever the order, the batching and the repetition of events, the same likes count.

A model of the pure functions: a table in memory stands for the rows of the database.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.intake.daily_limit import PersonDay, allocate_quota, mark_over_limit, quota_use_by_person_day
from campaigns.intake.decide import DayTallies, LikeKey, decide_likes, group_by_like, tally_by_day
from campaigns.intake.like_state import LIVE_STATES, Like, LikeChange, LikeState, Outcome

MONDAY = date(2026, 11, 23)
DAY_US = 86_400_000_000
MANY = settings(max_examples=50, deadline=None)

Event = tuple[LikeKey, LikeChange]


@dataclass
class Table:
    """Likes as the database stores them, after any number of batches under a daily limit."""

    limit: int | None
    likes: dict[LikeKey, Like] = field(default_factory=dict)
    live: Counter[PersonDay] = field(default_factory=Counter)
    tallies: Counter[tuple[date, str]] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def record(self, events: Sequence[Event]) -> None:
        """Record a batch as a transaction of intake does."""
        changes_by_like = group_by_like(events)
        decision = decide_likes(changes_by_like, {key: self.likes.get(key) for key in changes_by_like})
        quota_uses = quota_use_by_person_day(decision.transitions, lambda _: self.limit)
        promotions: dict[PersonDay, int] = {}
        over_limit_keys: list[LikeKey] = []
        for day, quota_use in quota_uses.items():
            self.live[day] += quota_use.live_delta
            quota = allocate_quota(quota_use, self.live[day], self.limit or 0)
            over_limit_keys += quota.over_limit_keys
            promotions[day] = quota.promoted_count
        decision = mark_over_limit(decision, changes_by_like, over_limit_keys)
        self.likes |= {key: transition.after for key, transition in decision.transitions.items()}
        self._add(tally_by_day(list(decision.transitions.values()), decision.duplicates.values()))
        for day, promoted in promotions.items():
            self._promote(day, promoted)
        self.outcomes.update(decision.outcomes.values())

    def _promote(self, day: PersonDay, promoted: int) -> None:
        over_limit = sorted(
            (like.event_us, key[0], key)
            for key, like in self.likes.items()
            if (key[1], like.day) == day and like.state is LikeState.OVER_LIMIT
        )
        assert len(over_limit) >= promoted, "more likes are to be promoted than are over the limit"
        for _, _, key in over_limit[:promoted]:
            self.likes[key] = self.likes[key]._replace(state=LikeState.COUNTED)
            self._add({day[1]: Counter(over_limit=-1, counted=1)})

    def _add(self, tallies: DayTallies) -> None:
        for day, counts in tallies.items():
            for name, likes in counts.items():
                self.tallies[day, name] += likes

    def by_state(self) -> Counter[tuple[date, str]]:
        """Return the number of likes by day and state, from a scan of the table."""
        return Counter((like.day, like.state.value) for like in self.likes.values() if like.day is not None)

    def counting(self) -> set[LikeKey]:
        return {key for key, like in self.likes.items() if like.state is LikeState.COUNTED}


class Delivered(NamedTuple):
    """Events as they happened, and as they arrived: shuffled, some repeated, cut into batches."""

    happened: list[Event]
    batches: list[list[Event]]


def like_or_unlike(*, days: int, suspects: bool) -> st.SearchStrategy[Event]:
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


def table_of(batches: Sequence[Sequence[Event]], limit: int | None) -> Table:
    table = Table(limit)
    for batch in batches:
        table.record(batch)
    return table


CROWD = 15  # events, so that limits are reached and quota becomes free
LIMITS = st.none() | st.integers(1, 3)


@MANY
@given(deliveries(days=3))
def test_a_like_counts_if_its_latest_like_is_later_than_its_latest_unlike(delivered: Delivered):
    latest: dict[tuple[LikeKey, bool], int] = {}
    for key, change in delivered.happened:
        kind = (key, change.is_like)
        latest[kind] = max(latest.get(kind, -1), change.event_us)
    expected = {key for key, is_like in latest if is_like and latest[key, True] > latest.get((key, False), -1)}
    assert table_of(delivered.batches, None).counting() == expected
    assert table_of([delivered.happened], None).counting() == expected
    assert table_of([[event] for event in delivered.happened], None).counting() == expected


@MANY
@given(deliveries(at_least=CROWD), LIMITS)
def test_on_one_day_any_order_and_batching_give_the_same_counts(delivered: Delivered, limit: int | None):
    arrived = table_of(delivered.batches, limit)
    at_once = table_of([delivered.happened], limit)
    in_order = table_of([[event] for event in sorted(delivered.happened)], limit)
    assert arrived.by_state() == at_once.by_state() == in_order.by_state()


@MANY
@given(deliveries(days=3, suspects=True, at_least=CROWD), LIMITS)
def test_tallies_add_up_to_the_table_and_every_like_received_is_accounted_for(
    delivered: Delivered, limit: int | None
):
    table = table_of(delivered.batches, limit)
    states = Counter({key: n for key, n in table.tallies.items() if key[1] != "duplicate" and n})
    assert states == table.by_state()
    received = sum(change.is_like for batch in delivered.batches for _, change in batch)
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
