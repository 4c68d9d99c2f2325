"""The shapes of what the HTTP edges say for themselves; the figures' shapes stand beside what makes them."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

from campaigns.intake.like_state import Outcome


class LikeResult(TypedDict):
    """What became of one like of a delivery; `receipt` only where it counted and all results were asked for."""

    index: int
    outcome: Outcome
    reason: NotRequired[str]
    receipt: NotRequired[str]


def page_schema(name: str, shape: Any) -> Any:
    """Return the shape of a page of a list: its rows, and the cursor of the next page if there is one."""
    return TypedDict(f"PageOf_{name}", {name: list[shape], "next": str | None})  # type: ignore[operator]


class DeliveryResponse(TypedDict):
    """The answer to a delivery, once every like of it is durably decided."""

    delivery: str
    received: int
    outcomes: dict[Outcome, int]
    results: list[LikeResult]


class PayoutCallback(TypedDict):
    """What a payment service says of a message: `reference` where it took the payout, `reason` where it did not.

    Of either only a text is kept, and of it what can be printed.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,35}$")]
    status: Literal["accepted", "refused"]
    reference: NotRequired[Any]
    reason: NotRequired[Any]


class PayoutCallbackEnvelope(TypedDict):
    """The envelope of a Standard Webhook; its `timestamp` is not read, for the signed one is."""

    type: Literal["payout.answered"]
    timestamp: NotRequired[Any]
    data: PayoutCallback


class PayoutCallbackResult(TypedDict):
    """What became of an answer: written down, or known before."""

    id: str
    result: Literal["recorded", "duplicate"]


class FieldError(TypedDict):
    """Where something is wrong, and what."""

    path: str
    reason: str


class ProblemDetails(TypedDict):
    """What is wrong with a request (RFC 9457); `type` is what a program tests for."""

    type: str
    title: str
    status: int
    detail: str
    faults: NotRequired[list[FieldError]]


_AS_JSON = {"type": "string", "contentMediaType": "application/json", "description": "what `/totals` answers"}

# One server-sent event.
StreamedTotals = TypedDict(  # noqa: UP013 - no name here is made of the word that its first member is
    "StreamedTotals",
    {
        "event": Literal["totals"],
        "id": Annotated[str, Field(description="names the figures, for `Last-Event-ID`")],
        "data": Annotated[str, WithJsonSchema(_AS_JSON)],
        "retry": NotRequired[int],
    },
)


class Live(TypedDict):
    """The process answers."""

    live: Literal[True]


class Ready(TypedDict):
    """Whether the service can do its work, and why not."""

    ready: bool
    reason: NotRequired[str]
