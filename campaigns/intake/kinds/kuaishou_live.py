"""Kuaishou live: taps in a live room (`LIVE_INTERACTION_DATA`, `liveLike`).

The signature is MD5 over the body and the secret. Source: receivers of Kuaishou's live interaction.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns.intake.kinds.collect import EventCollector
from campaigns.intake.kinds.model import Kind, PlatformEvent, Reading, Request, Secret, Verified
from campaigns.intake.kinds.reading import (
    content_id,
    content_part,
    integer,
    is_member,
    items,
    parse_json,
    text_id,
    unix_milliseconds,
)
from campaigns.intake.kinds.signatures import delivery_id, match_secrets

_HEADER = "kwaisign"
_SIGNATURE = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_EVENT, _LIKE = "LIVE_INTERACTION_DATA", "liveLike"
_ANSWER = b'{"result": 1}'


def verify(request: Request, secrets: Sequence[Secret], now: datetime) -> Verified | None:  # noqa: ARG001 - no time
    """Return the verified request, or None. Pure."""
    stated = request.headers.get(_HEADER, "")
    if not _SIGNATURE.fullmatch(stated):
        return None
    return match_secrets(
        request,
        secrets,
        bytes.fromhex(stated),
        lambda secret: hashlib.md5(request.body + secret.to_bytes(), usedforsecurity=False).digest(),
    )


def read(verified: Verified, reactions: frozenset[str]) -> Reading:  # noqa: ARG001 - it has none
    """Return the taps of a body as likes of its room. Raises Unreadable. Pure."""
    body, collector = parse_json(verified.request.body), EventCollector()
    if is_member(body, "event", _EVENT) and is_member(body, "data.push_type", _LIKE):
        for taps in collector.list(_LIKE, lambda: items(body, "data.payload")):
            collector.add(_LIKE, lambda taps=taps: _read_like(body, taps))  # type: ignore[misc]
    else:
        collector.ignored += 1
    return Reading(collector.events, collector.ignored, collector.unread, _ANSWER, delivery_id(verified.request.body))


def _read_like(body: Any, taps: Any) -> PlatformEvent | None:
    count = integer(taps, "count")
    if count <= 0:
        return None
    room = content_id("kuaishou-live", content_part(body, "data.room_code"))
    person, pushed_at = text_id(taps, "userInfo.userId"), unix_milliseconds(body, "timestamp")
    return PlatformEvent("like", room, person, pushed_at, taps=count)


KIND = Kind(
    "kuaishou-live",
    secrets=("secret",),
    ack_seconds=5,
    verify=verify,
    read=read,
    is_live=True,
    setup={
        "zh": "快手开放平台，直播互动应用的回调设置：填写本服务的地址。",
        "en": "Kuaishou Open Platform, callback of the live interaction app: enter this service's address.",
    },
    limits={
        "zh": "点赞带有整次推送的时间，没有各自的时间。",
        "en": "Taps bear the time of the whole push, and none of their own.",
    },
)
