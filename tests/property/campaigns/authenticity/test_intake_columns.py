"""The rules of intake over columns hold exactly what they hold one by one."""

from hypothesis import given
from hypothesis import strategies as st

from campaigns.authenticity.engine import INTAKE_COLUMN_RULES, INTAKE_RULES, find_held, judge_one
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.observation_columns import to_columns
from campaigns.authenticity.ruleset import default_ruleset

FIGURES = st.none() | st.integers(0, 3) | st.integers(0, 2**40)
OBSERVATIONS = st.builds(
    Observation,
    event_us=st.just(0),
    person=st.just(b"p" * 16),
    content=st.just("c"),
    platform=st.just("video"),
    account_age_days=FIGURES,
    watch_ms=FIGURES,
    duration_ms=FIGURES,
)
RULES = default_ruleset()


@given(st.lists(OBSERVATIONS, max_size=20), st.integers(0, 20))
def test_the_columns_hold_what_each_observation_holds(observations: list[Observation], first: int) -> None:
    numbers = list(range(first, len(observations)))
    expected = {number for number in numbers if judge_one(observations[number], RULES)}
    assert find_held(to_columns(observations), numbers, RULES) == expected


def test_each_rule_of_intake_has_a_form_over_columns() -> None:
    assert INTAKE_COLUMN_RULES.keys() == INTAKE_RULES.keys()
