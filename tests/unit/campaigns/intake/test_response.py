"""The answer to a delivery, as its sender reads it."""

import json

import pytest

from campaigns.intake.like_state import REASONS, Outcome
from campaigns.intake.response import DeliveryResults, ResultsFilter, render_response

FATES = DeliveryResults(
    [Outcome.COUNTED, Outcome.OVER_LIMIT, Outcome.COUNTED, Outcome.INVALID, Outcome.DUPLICATE],
    reasons={3: "person: Field required"},
    receipts={0: "rcp_a"},
)
REFUSED = [
    {"index": 1, "outcome": "over_limit", "reason": REASONS[Outcome.OVER_LIMIT]},
    {"index": 3, "outcome": "invalid", "reason": "person: Field required"},
    {"index": 4, "outcome": "duplicate", "reason": REASONS[Outcome.DUPLICATE]},
]
COUNTED = [{"index": 0, "outcome": "counted", "receipt": "rcp_a"}, {"index": 2, "outcome": "counted"}]


@pytest.mark.parametrize(
    ("results", "shown"),
    [("none", []), ("some", REFUSED), ("all", sorted(COUNTED + REFUSED, key=lambda one: str(one["index"])))],
)
def test_a_delivery_is_answered_with_its_counts_and_the_results_asked_for(
    results: ResultsFilter, shown: list[object]
):
    assert json.loads(render_response("msg_1", FATES, results)) == {
        "delivery": "msg_1",
        "received": 5,
        "outcomes": {"counted": 2, "duplicate": 1, "over_limit": 1, "invalid": 1},
        "results": shown,
    }


def test_an_empty_delivery_is_answered_too():
    assert json.loads(render_response("msg_1", DeliveryResults([]), "all")) == {
        "delivery": "msg_1",
        "received": 0,
        "outcomes": {},
        "results": [],
    }


def test_the_same_fates_give_the_same_bytes():
    assert render_response("msg_1", FATES, "all") == render_response("msg_1", FATES, "all")
