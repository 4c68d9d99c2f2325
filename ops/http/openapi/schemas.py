"""The schemas of the HTTP edge; schemas of figures are beside the code that computes them."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

from campaigns.intake.like_state import Outcome


class LikeResult(TypedDict):
    """The outcome of one like; `receipt` if it is new and all results were requested."""

    index: int
    outcome: Outcome
    reason: NotRequired[str]
    receipt: NotRequired[str]


def page_schema(name: str, row_type: Any) -> Any:
    """Return the schema of a list's page: its rows, and the cursor of the next page or null."""
    return TypedDict(f"PageOf_{name}", {name: list[row_type], "next": str | None})  # type: ignore[operator]


class DeliveryResponse(TypedDict):
    """The response to a delivery, sent once every like of it is durably decided."""

    delivery: str
    received: int
    outcomes: dict[Outcome, int]
    results: list[LikeResult]


class PayoutCallback(TypedDict):
    """The answer to a payout message: `reference` if accepted, `reason` if refused.

    Both are stored as text, without unprintable characters; other types are ignored.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,35}$")]
    status: Literal["accepted", "refused"]
    reference: NotRequired[Any]
    reason: NotRequired[Any]


class PayoutCallbackEnvelope(TypedDict):
    """The envelope of a Standard Webhook. Its `timestamp` is ignored: the signed header counts."""

    type: Literal["payout.answered"]
    timestamp: NotRequired[Any]
    data: PayoutCallback


class PayoutCallbackResult(TypedDict):
    """Whether a callback was recorded now, or had been before."""

    id: str
    result: Literal["recorded", "duplicate"]


class Fault(TypedDict):
    """One error of an input: its path, a stable code with values, and the sentence in English."""

    path: str
    code: str
    params: dict[str, Any]
    reason: str


class ProblemDetails(TypedDict):
    """A problem (RFC 9457). Programs test for `code`; `params` are the values of its sentence."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    params: NotRequired[dict[str, Any]]
    faults: NotRequired[list[Fault]]
    more_faults: NotRequired[Annotated[int, Field(description="The number of faults beyond the twenty shown.")]]


_AS_JSON = {"type": "string", "contentMediaType": "application/json", "description": "The response of `/totals`."}


class StreamedTotals(TypedDict):
    """One server-sent event."""

    event: Literal["totals"]
    id: Annotated[str, Field(description="Identifies the figures, for `Last-Event-ID`.")]
    data: Annotated[str, WithJsonSchema(_AS_JSON)]
    retry: NotRequired[int]


class Live(TypedDict):
    """The process responds."""

    live: Literal[True]


class Ready(TypedDict):
    """Whether the service can write and sign; `code` and `reason` if it cannot."""

    ready: bool
    code: NotRequired[str]
    reason: NotRequired[str]
