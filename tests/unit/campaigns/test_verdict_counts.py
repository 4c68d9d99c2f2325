"""Families with few likes of a day have no name, and no like is lost by that."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from campaigns.verdict_counts import FAMILY_LIKES_MIN, OTHER, VerdictCount, group_small_families

MONDAY = date(2026, 11, 2)
likes = st.integers(0, 12)
keys = st.tuples(
    st.integers(0, 2).map(lambda n: MONDAY + timedelta(days=n)),
    st.sampled_from(["device", "pace", "network", OTHER]),
    st.sampled_from(["people", "rules"]),
)
counts = st.dictionaries(keys, st.tuples(likes, likes, likes, likes), max_size=20).map(
    lambda by_key: [VerdictCount(*key, *numbers) for key, numbers in by_key.items()]
)


def test_a_family_is_named_from_ten_likes_of_a_day_on():
    nine = VerdictCount(MONDAY, "device", "rules", quarantined=9)
    assert group_small_families([nine]) == [nine._replace(family=OTHER)]
    by_people = VerdictCount(MONDAY, "device", "people", void=1)
    assert group_small_families([nine, by_people]) == [by_people, nine]  # ten of both deciders
    pace = VerdictCount(MONDAY, "pace", "rules", quarantined=2, released=3)
    [other] = group_small_families([nine, pace])
    assert other == VerdictCount(MONDAY, OTHER, "rules", quarantined=11, released=3)


@given(counts)
def test_no_like_is_lost_and_no_small_family_named(counts: list[VerdictCount]):
    grouped = group_small_families(counts)
    assert grouped == sorted(grouped)
    for column in range(3, 7):
        assert sum(count[column] for count in grouped) == sum(count[column] for count in counts)
    for day, family in {(count.day, count.family) for count in grouped} - {(c.day, OTHER) for c in grouped}:
        named = sum(count.likes for count in grouped if (count.day, count.family) == (day, family))
        assert named >= FAMILY_LIKES_MIN
    assert group_small_families(grouped) == grouped
