"""Douyin: likes of a creator's videos (`new_video_digg`), pushed to the webhook of an open-platform app.

The signature is SHA-1 over the secret and the body. SHA-1 can be extended: bytes after the end of
the JSON make the body unreadable. Source: open.douyin.com, webhooks.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns.intake.kinds.collect import EventCollector
from campaigns.intake.kinds.model import EMPTY_ANSWER, Kind, PlatformEvent, Reading, Request, Secret, Verified
from campaigns.intake.kinds.reading import (
    UnexpectedForm,
    content_id,
    content_part,
    integer,
    is_member,
    member,
    parse_json,
    text_id,
    unix_seconds,
)
from campaigns.intake.kinds.signatures import delivery_id, match_secrets

_HEADER = "x-douyin-signature"
_SIGNATURE = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_EVENT = "new_video_digg"
_LIKE = 1  # of `action_type`


def verify(request: Request, secrets: Sequence[Secret], now: datetime) -> Verified | None:  # noqa: ARG001 - no time
    """Return the verified request, or None. Pure."""
    stated = request.headers.get(_HEADER, "")
    if not _SIGNATURE.fullmatch(stated):
        return None
    return match_secrets(
        request,
        secrets,
        bytes.fromhex(stated),
        lambda secret: hashlib.sha1(secret.to_bytes() + request.body, usedforsecurity=False).digest(),
    )


def read(verified: Verified, reactions: frozenset[str]) -> Reading:  # noqa: ARG001 - it has none
    """Return the likes of a body. Raises Unreadable. Pure."""
    body, collector = parse_json(verified.request.body), EventCollector()
    answer = EMPTY_ANSWER
    if is_member(body, "event", "verify_webhook"):
        collector.add("verify_webhook", lambda: None)
        answer = _answer_challenge(body)
    elif is_member(body, "event", _EVENT):
        collector.add(_EVENT, lambda: _read_like(body))
    else:
        collector.ignored += 1
    return Reading(collector.events, collector.ignored, collector.unread, answer, delivery_id(verified.request.body))


def _answer_challenge(body: Any) -> bytes:
    try:
        challenge = member(_content(body), "challenge")
    except UnexpectedForm:
        return EMPTY_ANSWER
    return json.dumps({"challenge": challenge}).encode() if isinstance(challenge, int | str) else EMPTY_ANSWER


def _read_like(body: Any) -> PlatformEvent | None:
    content = _content(body)
    if "action_type" in content and integer(content, "action_type") != _LIKE:
        return None
    video = content_id("douyin", content_part(content, "item_id"))
    return PlatformEvent("like", video, text_id(body, "from_user_id"), unix_seconds(content, "action_time"))


def _content(body: Any) -> dict[str, Any]:
    """Return the member `content`: an object, or a text that holds one."""
    content = member(body, "content")
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except (ValueError, RecursionError):
            content = None
    if not isinstance(content, dict):
        raise UnexpectedForm("content: an object is expected")
    return content


KIND = Kind(
    "douyin-video",
    secrets=("secret",),
    ack_seconds=5,
    verify=verify,
    read=read,
    setup={
        "zh": "抖音开放平台，应用的“webhooks”设置：填写本服务的地址，并订阅 new_video_digg。",
        "en": "Douyin Open Platform, “webhooks” of the app: enter the address, subscribe new_video_digg.",
    },
    limits={
        "zh": "抖音不推送取消点赞。",
        "en": "Douyin does not push likes that are taken back.",
    },
)
