"""The shapes of what the HTTP edges say for themselves; the figures' shapes stand beside what makes them."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from campaigns.likes import Outcome


class Result(TypedDict):
    """What became of one like of a delivery; `receipt` only where it counted and all results were asked for."""

    index: int
    outcome: Outcome
    reason: NotRequired[str]
    receipt: NotRequired[str]


def page_of(name: str, shape: Any) -> Any:
    """Return the shape of a page of a list: its rows, and the cursor of the next page if there is one."""
    return TypedDict(f"PageOf_{name}", {name: list[shape], "next": str | None})  # type: ignore[operator]


class DeliveryAnswer(TypedDict):
    """The answer to a delivery, once every like of it is durably decided."""

    delivery: str
    received: int
    outcomes: dict[Outcome, int]
    results: list[Result]


class PayoutAnswer(TypedDict):
    """What a payment service says of a message: `reference` where it took the payout, `reason` where it did not."""

    id: str
    status: Literal["accepted", "refused"]
    reference: NotRequired[str]
    reason: NotRequired[str]


class PayoutAnswered(TypedDict):
    """The envelope of a Standard Webhook."""

    type: Literal["payout.answered"]
    timestamp: str
    data: PayoutAnswer


class PayoutHeard(TypedDict):
    """What became of an answer: written down, or known before."""

    id: str
    heard: Literal["recorded", "again"]


class Fault(TypedDict):
    """Where something is wrong, and what."""

    path: str
    reason: str


class ProblemDetails(TypedDict):
    """What is wrong with a request (RFC 9457); `type` is what a program tests for."""

    type: str
    title: str
    status: int
    detail: str
    faults: NotRequired[list[Fault]]


class Live(TypedDict):
    """The process answers."""

    live: Literal[True]


class Ready(TypedDict):
    """Whether the service can do its work, and why not."""

    ready: bool
    reason: NotRequired[str]
