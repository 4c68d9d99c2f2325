"""The model of a delivery's body, for pydantic and for msgspec.

`Meta` states for msgspec what `Field` states for pydantic. msgspec ignores patterns and unknown
members: `payload` sees to both.
"""

from datetime import datetime
from typing import Annotated, Literal, NotRequired

from msgspec import Meta
from pydantic import ConfigDict, FailFast, Field, GetPydanticSchema, WithJsonSchema, with_config
from pydantic_core.core_schema import chain_schema, datetime_schema, str_schema
from typing_extensions import TypedDict

from campaigns.promise.model import Content

LIKES_MAX = 1_000

_STRICT = ConfigDict(strict=True, extra="forbid")
_COUNT_MAX = 2**53 - 1

Person = Annotated[
    str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$"), Meta(min_length=1, max_length=256)
]
CampaignSlug = Annotated[str, Field(min_length=1, max_length=63), Meta(min_length=1, max_length=63)]
Tag = Annotated[str, Field(max_length=256), Meta(max_length=256)]
Count = Annotated[int, Field(ge=0, le=_COUNT_MAX), Meta(ge=0, le=_COUNT_MAX)]

# RFC 3339 with an offset. By default pydantic reads "1649346288" as seconds, and a longer number
# as milliseconds.
_STARTS_WITH_YEAR = str_schema(pattern="^[0-9]{4}-")
_MOMENT = chain_schema([_STARTS_WITH_YEAR, datetime_schema(strict=False, tz_constraint="aware")])
Moment = Annotated[
    datetime,
    GetPydanticSchema(lambda _source, _handler: _MOMENT),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Meta(tz=True),
]


@with_config(_STRICT)
class Signals(TypedDict):
    """The platform's observations about the like; every member is optional."""

    watch_ms: NotRequired[Count]
    duration_ms: NotRequired[Count]
    followed: NotRequired[bool]
    commented: NotRequired[bool]
    shared: NotRequired[bool]
    device: NotRequired[Tag]
    network: NotRequired[Tag]
    account_age_days: NotRequired[Count]


@with_config(_STRICT)
class LikeEvent(TypedDict):
    """One like or unlike."""

    action: Literal["like", "unlike"]
    content: Annotated[Content, Meta(min_length=1, max_length=128)]
    person: Person
    event_at: Moment
    campaign: NotRequired[CampaignSlug]
    signals: NotRequired[Signals]


class PushedEvent(LikeEvent):
    """A like or unlike that a kind of platform read; `taps` are those in a live room."""

    taps: NotRequired[int]


@with_config(_STRICT)
class LikesPayload(TypedDict):
    """The `data` member of a delivery."""

    likes: Annotated[list[LikeEvent], Field(max_length=LIKES_MAX), FailFast(), Meta(max_length=LIKES_MAX)]


@with_config(_STRICT)
class DeliveryBody(TypedDict):
    """A delivery's body in which every event is valid."""

    type: Literal["likes"]
    timestamp: Moment
    data: LikesPayload
