"""The answer to a delivery: counts by outcome, and for each like what became of it and why."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import orjson

from campaigns.intake.like_state import REASONS, Outcome

Results = Literal["some", "all", "none"]  # some: those that were not counted


@dataclass(slots=True)
class Fates:
    """What became of a delivery's likes, by their places in it."""

    outcomes: list[Outcome]
    reasons: dict[int, str] = field(default_factory=dict)  # where there is more to say than the outcome's own reason
    receipts: dict[int, str] = field(default_factory=dict)  # of likes that count now, where they were asked for


def answer(webhook_id: str, fates: Fates, results: Results) -> bytes:
    """Return the body that answers a delivery: JSON, the same bytes for the same fates."""
    counts = Counter(fates.outcomes)
    body = {
        "delivery": webhook_id,
        "received": len(fates.outcomes),
        "outcomes": {outcome.value: counts[outcome] for outcome in Outcome if counts[outcome]},
        "results": [] if results == "none" else _results(fates, shows_counted=results == "all"),
    }
    return orjson.dumps(body)


def _results(fates: Fates, *, shows_counted: bool) -> list[dict[str, object]]:
    counted = Outcome.COUNTED
    return [
        _result(place, outcome, fates)
        for place, outcome in enumerate(fates.outcomes)
        if shows_counted or outcome is not counted
    ]


def _result(place: int, outcome: Outcome, fates: Fates) -> dict[str, object]:
    shown: dict[str, object] = {"index": place, "outcome": outcome.value}
    if outcome is not Outcome.COUNTED:
        shown["reason"] = fates.reasons.get(place) or REASONS[outcome]
    if place in fates.receipts:
        shown["receipt"] = fates.receipts[place]
    return shown
