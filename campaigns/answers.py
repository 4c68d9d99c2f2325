"""The answer to a delivery: counts by outcome, and for each like what became of it and why."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import orjson

from campaigns.likes import REASONS, Outcome

Results = Literal["some", "all", "none"]  # some: those that were not counted


class Fate(NamedTuple):
    """What became of one like of a delivery."""

    outcome: Outcome
    reason: str | None = None  # None: the outcome's own
    receipt: str | None = None


def answer(webhook_id: str, fates: Sequence[Fate], results: Results) -> bytes:
    """Return the body that answers a delivery: JSON, the same bytes for the same fates."""
    counts = Counter(fate.outcome.value for fate in fates)
    body = {
        "delivery": webhook_id,
        "received": len(fates),
        "outcomes": {outcome.value: counts[outcome.value] for outcome in Outcome if counts[outcome.value]},
        "results": [_result(i, fate) for i, fate in enumerate(fates) if _is_shown(fate, results)],
    }
    return orjson.dumps(body)


def _is_shown(fate: Fate, results: Results) -> bool:
    return results == "all" or (results == "some" and fate.outcome is not Outcome.COUNTED)


def _result(index: int, fate: Fate) -> dict[str, object]:
    shown: dict[str, object] = {"index": index, "outcome": fate.outcome.value}
    if fate.outcome is not Outcome.COUNTED:
        shown["reason"] = fate.reason or REASONS[fate.outcome]
    if fate.receipt is not None:
        shown["receipt"] = fate.receipt
    return shown
