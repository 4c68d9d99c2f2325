"""Facebook: reactions to a page's posts (field `feed`). Source: developers.facebook.com, webhooks for pages."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns.intake.kinds.collect import EventCollector
from campaigns.intake.kinds.model import EMPTY_ANSWER, Action, Kind, PlatformEvent, Reading, Request, Secret, Verified
from campaigns.intake.kinds.reading import (
    content_id,
    content_part,
    is_member,
    items,
    parse_json,
    text,
    text_id,
    unix_seconds,
)
from campaigns.intake.kinds.signatures import delivery_id, verify_hex_hmac

_FIELD = "feed"
_ITEMS = ("reaction", "like")
_CHALLENGE_CHARS_MAX = 200
_LEGACY_LIKE = "like"  # an item `like` has no type of reaction


def verify(request: Request, secrets: Sequence[Secret], now: datetime) -> Verified | None:  # noqa: ARG001 - no time
    """Return the verified request, or None. Pure."""
    return verify_hex_hmac(request, secrets, "x-hub-signature-256")


def answer_challenge(request: Request, secrets: Sequence[Secret]) -> bytes | None:
    """Return the challenge of a GET with the right token, or None. Pure."""
    query = request.query
    stated, challenge = query.get("hub.verify_token", "").encode(), query.get("hub.challenge", "")
    matches = [hmac.compare_digest(secret.to_bytes("verify_token"), stated) for secret in secrets]
    is_subscription = query.get("hub.mode") == "subscribe"
    if not (sum(matches) and stated and is_subscription and 1 <= len(challenge) <= _CHALLENGE_CHARS_MAX):
        return None
    return challenge.encode()


def read(verified: Verified, reactions: frozenset[str]) -> Reading:
    """Return the reactions of a body. Raises Unreadable. Pure."""
    body, collector = parse_json(verified.request.body), EventCollector()
    if not is_member(body, "object", "page"):
        collector.ignored += 1
    else:
        for entry in collector.list(_FIELD, lambda: items(body, "entry")):
            for change in collector.list(_FIELD, lambda entry=entry: items(entry, "changes")):  # type: ignore[misc]
                collector.add("reaction", lambda change=change: _read_change(change, reactions))  # type: ignore[misc]
    return Reading(
        collector.events, collector.ignored, collector.unread, EMPTY_ANSWER, delivery_id(verified.request.body)
    )


def _read_change(change: Any, reactions: frozenset[str]) -> PlatformEvent | None:
    return _read_reaction(change["value"], reactions) if _is_reaction_to_post(change) else None


def _is_reaction_to_post(change: Any) -> bool:
    is_feed = is_member(change, "field", _FIELD) and isinstance(change.get("value"), dict)
    return (
        is_feed
        and any(is_member(change, "value.item", item) for item in _ITEMS)
        and "comment_id" not in change["value"]
    )


def _read_reaction(value: Any, reactions: frozenset[str]) -> PlatformEvent | None:
    verb = text(value, "verb")
    if verb not in ("add", "edit", "remove"):
        return None
    reaction = text(value, "reaction_type") if "reaction_type" in value else _LEGACY_LIKE
    counts = reaction in reactions
    if verb == "add" and not counts:
        return None
    action: Action = "like" if counts and verb != "remove" else "unlike"
    post = content_id("facebook", content_part(value, "post_id"))
    return PlatformEvent(action, post, text_id(value, "from.id"), unix_seconds(value, "created_time"))


KIND = Kind(
    "facebook-page",
    secrets=("secret", "verify_token"),
    ack_seconds=5,
    verify=verify,
    read=read,
    challenge=answer_challenge,
    reactions=("like", "love", "care", "haha", "wow"),
    setup={
        "zh": "Meta 应用面板 → Webhooks → Page：填写本服务的地址和验证口令，订阅 feed；secret 是应用密钥。",
        "en": "Meta app dashboard → Webhooks → Page: enter address and verify token; subscribe feed.",
    },
    limits={
        "zh": "没有相应权限时，反应不带人员编号，无法计数。",
        "en": "Without the permission to see who reacted, reactions carry no person and cannot be counted.",
    },
)
