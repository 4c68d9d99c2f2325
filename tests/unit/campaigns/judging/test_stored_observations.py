"""Which unjudged batches a pass takes: neighbours in the time of their events, a bounded number."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.judging.stored_observations import BatchKey, ObservedBatch, choose_unjudged

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def batch(number: int, day: int, likes: int = 10) -> ObservedBatch:
    """Return a batch whose recording says nothing of its events."""
    return ObservedBatch(BatchKey(number, 0, START + number * DAY), START + day * DAY, START + day * DAY, likes)


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([], []),
        ([batch(1, 9), batch(2, 1), batch(3, 2)], [2, 3]),  # the earliest events, not what arrived first
        ([batch(1, 1, 60), batch(2, 2, 60)], [1]),
        ([batch(1, 1, 500), batch(2, 2)], [1]),  # at least one
        ([batch(1, 1), batch(2, 5), batch(3, 30)], [1, 2]),
    ],
)
def test_a_pass_takes_neighbours_in_time(batches, expected):
    chosen = choose_unjudged(batches, 100, 7 * DAY)
    assert [row.key.batch_id for row in chosen] == expected
