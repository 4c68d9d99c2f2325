"""The response to a delivery: counts by outcome, and each like's outcome and reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import orjson

from campaigns.intake.like_state import REASONS, Outcome

ResultsFilter = Literal["some", "all", "none"]  # some: the likes that were not counted


class LikeResult(NamedTuple):
    """The result of one like or unlike of a delivery."""

    outcome: Outcome
    reason: str | None = None  # None for a counted like
    receipt: str | None = None  # only of a counted like, and only on request


# One object serves every like with the same outcome: a batch has thousands of them.
RESULT_BY_OUTCOME: Mapping[Outcome, LikeResult] = MappingProxyType(
    {outcome: LikeResult(outcome, None if outcome is Outcome.COUNTED else REASONS[outcome]) for outcome in Outcome}
)


def count_outcomes(results: Sequence[LikeResult]) -> Counter[Outcome]:
    """Return the number of likes by outcome."""
    return Counter([result.outcome for result in results])


def render_response(webhook_id: str, results: Sequence[LikeResult], results_filter: ResultsFilter) -> bytes:
    """Return the response body, JSON: the same bytes for the same results."""
    counts = count_outcomes(results)
    body = {
        "delivery": webhook_id,
        "received": len(results),
        "outcomes": {outcome.value: counts[outcome] for outcome in Outcome if counts[outcome]},
        "results": _result_items(results, results_filter),
    }
    return orjson.dumps(body)


def _result_items(results: Sequence[LikeResult], results_filter: ResultsFilter) -> list[dict[str, object]]:
    if results_filter == "none":
        return []
    return [
        _result_item(index, result)
        for index, result in enumerate(results)
        if results_filter == "all" or result.outcome is not Outcome.COUNTED
    ]


def _result_item(index: int, result: LikeResult) -> dict[str, object]:
    item: dict[str, object] = {"index": index, "outcome": result.outcome.value}
    if result.reason is not None:
        item["reason"] = result.reason
    if result.receipt is not None:
        item["receipt"] = result.receipt
    return item
