"""The response to a delivery: counts by outcome, and each like's outcome and reason."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

import orjson

from campaigns.intake.like_state import REASONS, Outcome

_OUTCOMES = list(Outcome)  # the order of a response

ResultsFilter = Literal["some", "all", "none"]  # some: the likes that were not counted


class LikeResult(NamedTuple):
    """The result of one like or unlike that is not counted."""

    outcome: Outcome
    reason: str


# One object serves every like with the same outcome.
RESULT_BY_OUTCOME: Mapping[Outcome, LikeResult] = MappingProxyType(
    {outcome: LikeResult(outcome, reason) for outcome, reason in REASONS.items()}
)


class DeliveryResults(NamedTuple):
    """The results of a delivery."""

    received: int
    exceptions: dict[int, LikeResult]  # by position: the likes that are not counted, in any order
    receipts: dict[int, str]  # by position: of the new likes, if the sender asked for receipts


def count_outcomes(results: DeliveryResults) -> dict[Outcome, int]:
    """Return the number of likes by outcome, without outcomes that none has."""
    counts: dict[Outcome, int] = {}
    if results.received > len(results.exceptions):
        counts[Outcome.COUNTED] = results.received - len(results.exceptions)
    for result in results.exceptions.values():
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    return counts


def render_response(webhook_id: str, results: DeliveryResults, results_filter: ResultsFilter) -> bytes:
    """Return the response body, JSON: the same bytes for the same results."""
    counts = count_outcomes(results)
    body = {
        "delivery": webhook_id,
        "received": results.received,
        "outcomes": {outcome.value: counts[outcome] for outcome in sorted(counts, key=_OUTCOMES.index)},
        "results": _result_items(results, results_filter),
    }
    return orjson.dumps(body)


def _result_items(results: DeliveryResults, results_filter: ResultsFilter) -> list[dict[str, object]]:
    if results_filter == "none":
        return []
    shown = range(results.received) if results_filter == "all" else sorted(results.exceptions)
    return [_result_item(index, results) for index in shown]


def _result_item(index: int, results: DeliveryResults) -> dict[str, object]:
    result = results.exceptions.get(index)
    item: dict[str, object] = {"index": index, "outcome": Outcome.COUNTED.value}
    if result is not None:
        item |= {"outcome": result.outcome.value, "reason": result.reason}
    if index in results.receipts:
        item["receipt"] = results.receipts[index]
    return item
