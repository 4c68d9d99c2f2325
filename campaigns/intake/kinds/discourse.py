"""Discourse: likes of posts (event `like`). Source: meta.discourse.org, and Discourse's serializers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns.intake.kinds.collect import EventCollector
from campaigns.intake.kinds.model import EMPTY_ANSWER, Kind, PlatformEvent, Reading, Request, Secret, Verified
from campaigns.intake.kinds.reading import content_id, content_part, parse_json, text_id
from campaigns.intake.kinds.signatures import delivery_id, verify_hex_hmac

_EVENT = "like"


def verify(request: Request, secrets: Sequence[Secret], now: datetime) -> Verified | None:  # noqa: ARG001 - no time
    """Return the verified request, or None. Pure."""
    return verify_hex_hmac(request, secrets, "x-discourse-event-signature")


def read(verified: Verified, reactions: frozenset[str]) -> Reading:  # noqa: ARG001 - it has none
    """Return the like of a body. Raises Unreadable. Pure."""
    headers, body, collector = verified.request.headers, parse_json(verified.request.body), EventCollector()
    is_like = isinstance(body, dict) and _EVENT in body and headers.get("x-discourse-event-type", _EVENT) == _EVENT
    if is_like:
        collector.add(_EVENT, lambda: _read_like(body))
    else:
        collector.ignored += 1
    return Reading(
        collector.events, collector.ignored, collector.unread, EMPTY_ANSWER, delivery_id(verified.request.body)
    )


def _read_like(body: Any) -> PlatformEvent:
    post = content_id("discourse", content_part(body, "like.post.id"))
    return PlatformEvent("like", post, text_id(body, "like.user.id"), None)


KIND = Kind(
    "discourse",
    secrets=("secret",),
    ack_seconds=5,
    verify=verify,
    read=read,
    setup={
        "zh": "Discourse 管理 → API → Webhooks：事件选“点赞”，secret 即其中填写的密钥。",
        "en": "Discourse, Admin → API → Webhooks: event Like; secret is the one that is entered there.",
    },
    limits={
        "zh": "不推送取消点赞；点赞没有自己的时间，以首次收到的时间为准。",
        "en": "Likes that are taken back are not pushed. A like has no time: the moment of its first receipt counts.",
    },
)
