"""The response to a delivery, as its sender reads it."""

import json

import pytest

from campaigns.intake.like_state import REASONS, Outcome
from campaigns.intake.response import (
    RESULT_BY_OUTCOME,
    DeliveryResults,
    LikeResult,
    ResultsFilter,
    count_outcomes,
    render_response,
)

EXCEPTIONS = {
    4: RESULT_BY_OUTCOME[Outcome.DUPLICATE],
    1: RESULT_BY_OUTCOME[Outcome.OVER_LIMIT],
    3: LikeResult(Outcome.INVALID, "person: Field required"),
}
RESULTS = DeliveryResults(5, EXCEPTIONS, {0: "rcp_a"})
NOT_COUNTED = [
    {"index": 1, "outcome": "over_limit", "reason": REASONS[Outcome.OVER_LIMIT]},
    {"index": 3, "outcome": "invalid", "reason": "person: Field required"},
    {"index": 4, "outcome": "duplicate", "reason": REASONS[Outcome.DUPLICATE]},
]
COUNTED = [{"index": 0, "outcome": "counted", "receipt": "rcp_a"}, {"index": 2, "outcome": "counted"}]


@pytest.mark.parametrize(
    ("results_filter", "items"),
    [
        ("none", []),
        ("some", NOT_COUNTED),
        ("all", sorted(COUNTED + NOT_COUNTED, key=lambda item: str(item["index"]))),
    ],
)
def test_a_response_has_the_counts_and_the_requested_results(results_filter: ResultsFilter, items: list[object]):
    assert json.loads(render_response("msg_1", RESULTS, results_filter)) == {
        "delivery": "msg_1",
        "received": 5,
        "outcomes": {"counted": 2, "duplicate": 1, "over_limit": 1, "invalid": 1},
        "results": items,
    }


def test_an_empty_delivery_gets_a_response_too():
    assert json.loads(render_response("msg_1", DeliveryResults(0, {}, {}), "all")) == {
        "delivery": "msg_1",
        "received": 0,
        "outcomes": {},
        "results": [],
    }


def test_the_same_results_give_the_same_bytes():
    again = RESULTS._replace(exceptions=dict(reversed(EXCEPTIONS.items())))
    assert render_response("msg_1", RESULTS, "all") == render_response("msg_1", again, "all")


def test_every_outcome_has_a_result():
    assert {outcome: result.outcome for outcome, result in RESULT_BY_OUTCOME.items()} == {o: o for o in Outcome}


def test_outcomes_are_counted():
    assert count_outcomes(RESULTS)[Outcome.COUNTED] == 2
    assert sum(count_outcomes(RESULTS).values()) == RESULTS.received
