"""The answer to a delivery: counts by outcome, and for each like what became of it and why."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import orjson

from campaigns.intake.like_state import REASONS, Outcome

ResultsFilter = Literal["some", "all", "none"]  # some: those that were not counted


@dataclass(slots=True)
class DeliveryResults:
    """What became of a delivery's likes, by their places in it."""

    outcomes: list[Outcome]
    reasons: dict[int, str] = field(default_factory=dict)  # where there is more to say than the outcome's own reason
    receipts: dict[int, str] = field(default_factory=dict)  # of likes that count now, where they were asked for


def render_response(webhook_id: str, delivery_results: DeliveryResults, results_filter: ResultsFilter) -> bytes:
    """Return the body that answers a delivery: JSON, the same bytes for the same fates."""
    counts = Counter(delivery_results.outcomes)
    body = {
        "delivery": webhook_id,
        "received": len(delivery_results.outcomes),
        "outcomes": {outcome.value: counts[outcome] for outcome in Outcome if counts[outcome]},
        "results": []
        if results_filter == "none"
        else _result_items(delivery_results, includes_counted=results_filter == "all"),
    }
    return orjson.dumps(body)


def _result_items(delivery_results: DeliveryResults, *, includes_counted: bool) -> list[dict[str, object]]:
    counted = Outcome.COUNTED
    return [
        _result_item(place, outcome, delivery_results)
        for place, outcome in enumerate(delivery_results.outcomes)
        if includes_counted or outcome is not counted
    ]


def _result_item(index: int, outcome: Outcome, delivery_results: DeliveryResults) -> dict[str, object]:
    shown: dict[str, object] = {"index": index, "outcome": outcome.value}
    if outcome is not Outcome.COUNTED:
        shown["reason"] = delivery_results.reasons.get(index) or REASONS[outcome]
    if index in delivery_results.receipts:
        shown["receipt"] = delivery_results.receipts[index]
    return shown
