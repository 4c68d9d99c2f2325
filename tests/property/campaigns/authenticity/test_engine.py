"""The engine's result depends on the observations alone: not on order, batches or repeats."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.authenticity.engine import digest, judge
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.observation_pack import pack, unpack
from campaigns.authenticity.ruleset import default_ruleset
from observed_likes import TIMEZONE, group, observe, passers_by, regular_people

RULES = default_ruleset()
CAMPAIGN = [
    *regular_people(3, people=25),
    *passers_by(4, people=40),
    *group([f"farm {n}" for n in range(12)], ["x", "y", "z"], device="shelf"),
    *group(["bot"], range(9), gap_us=4_000_000),
    *(observe(n * 25_000_000_000, f"bare {n}", "x") for n in range(25)),
]
EXPECTED = judge(CAMPAIGN, RULES, TIMEZONE)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), repeats=st.integers(0, 50), batch=st.integers(1, 400))
def test_any_order_batches_and_repeats_give_the_same_bytes(seed: int, repeats: int, batch: int) -> None:
    rng = random.Random(seed)
    arrivals = [*CAMPAIGN, *rng.choices(CAMPAIGN, k=repeats)]
    rng.shuffle(arrivals)
    batches = [pack(arrivals[start : start + batch]) for start in range(0, len(arrivals), batch)]
    judgement = judge((like for packed in batches for like in unpack(packed)), RULES, TIMEZONE)
    assert judgement == EXPECTED
    assert digest(judgement.verdicts) == digest(EXPECTED.verdicts)


FEW = st.builds(
    Observation,
    event_us=st.integers(1_649_347_200_000_000, 1_649_347_200_000_000 + 10**10),
    person=st.integers(0, 9).map(lambda n: n.to_bytes(16, "big")),
    content=st.sampled_from(list("abcdef")),
    platform=st.sampled_from(["video", "other"]),
    device=st.none() | st.integers(0, 2).map(lambda n: n.to_bytes(8, "big")),
    network=st.none() | st.integers(0, 2).map(lambda n: n.to_bytes(8, "big")),
    account_age_days=st.none() | st.integers(0, 30),
    watch_ms=st.none() | st.integers(0, 30_000),
    duration_ms=st.none() | st.integers(0, 30_000),
    followed=st.none() | st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(likes=st.lists(FEW, max_size=60), data=st.data())
def test_any_observations_are_judged_and_their_order_does_not_matter(
    likes: list[Observation], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(likes))
    assert judge(likes, RULES, TIMEZONE) == judge(shuffled, RULES, TIMEZONE)
