"""Douyin live: taps in a live room (`live_like`), pushed every two seconds.

The signature is MD5 over four headers, the body and the secret, without boundaries between them, so
each header must have its one form. Source: developer.open-douyin.com, live data push.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.intake.kinds.collect import EventCollector
from campaigns.intake.kinds.model import EMPTY_ANSWER, Kind, PlatformEvent, Reading, Request, Secret, Verified
from campaigns.intake.kinds.reading import (
    UnexpectedForm,
    content_id,
    integer,
    parse_json,
    text_id,
    unix_milliseconds,
)
from campaigns.intake.kinds.signatures import delivery_id, match_secrets

TOLERANCE = timedelta(minutes=5)
_FORMS = {
    "x-msg-type": re.compile(r"[a-z][a-z_]{0,63}"),
    "x-nonce-str": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "x-roomid": re.compile(r"[0-9]{1,200}"),
    "x-timestamp": re.compile(r"[0-9]{13}"),
}
_EVENT = "live_like"
_SIGNATURE_BYTES = 16


def verify(request: Request, secrets: Sequence[Secret], now: datetime) -> Verified | None:
    """Return the verified request, or None. Pure."""
    headers, stated = request.headers, _decode(request.headers.get("x-signature", ""))
    if stated is None or not all(form.fullmatch(headers.get(name, "")) for name, form in _FORMS.items()):
        return None
    sent_at = datetime.fromtimestamp(int(headers["x-timestamp"]) / 1000, UTC)
    if abs(now - sent_at) > TOLERANCE:
        return None
    return match_secrets(request, secrets, stated, lambda secret: sign(headers, request.body, secret.to_bytes()))


def sign(headers: Mapping[str, str], body: bytes, secret: bytes) -> bytes:
    """Return the signature: MD5 over `name=value` of the four headers, sorted, then body and secret. Pure."""
    signed = "&".join(f"{name}={headers[name]}" for name in sorted(_FORMS))
    return hashlib.md5(signed.encode() + body + secret, usedforsecurity=False).digest()


def _decode(text: str) -> bytes | None:
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return signature if len(signature) == _SIGNATURE_BYTES else None


def read(verified: Verified, reactions: frozenset[str]) -> Reading:  # noqa: ARG001 - it has none
    """Return the taps of a body as likes of its room. Raises Unreadable. Pure."""
    headers, raw, collector = verified.request.headers, verified.request.body, EventCollector()
    body, room, event = parse_json(raw), headers["x-roomid"], headers["x-msg-type"]
    if event != _EVENT:
        collector.ignored += len(body) if isinstance(body, list) else 1
    else:
        for taps in _list_taps(body):
            collector.add(_EVENT, lambda taps=taps: _read_like(room, taps))  # type: ignore[misc]
    room_bytes = f"{event}\n{room}\n".encode()  # the same bytes may come from another room
    return Reading(collector.events, collector.ignored, collector.unread, EMPTY_ANSWER, delivery_id(room_bytes + raw))


def _list_taps(body: Any) -> Sequence[Any]:
    return body if isinstance(body, list) else [body]


def _read_like(room: str, taps: Any) -> PlatformEvent | None:
    if not isinstance(taps, dict):
        raise UnexpectedForm("an object is expected")
    if taps.get("test") is True:
        return None
    count = integer(taps, "like_num")
    if count <= 0:
        return None
    person, event_at = text_id(taps, "sec_openid"), unix_milliseconds(taps, "timestamp")
    return PlatformEvent("like", content_id("douyin-live", room), person, event_at, taps=count)


KIND = Kind(
    "douyin-live",
    secrets=("secret",),
    ack_seconds=2,
    verify=verify,
    read=read,
    is_live=True,
    setup={
        "zh": "抖音开放平台，直播小玩法的“数据推送”：填写本服务的地址，并启用 live_like。",
        "en": "Douyin Open Platform, “data push” of the live app: enter this service's address and start live_like.",
    },
    limits={
        "zh": "点赞由平台每两秒合并；连续十次应答超时，平台停止推送。",
        "en": "The platform merges taps every two seconds, and stops pushing after ten late responses.",
    },
)
