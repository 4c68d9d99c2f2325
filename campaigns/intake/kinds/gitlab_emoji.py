"""GitLab: emoji on issues, merge requests and snippets (`Emoji Hook`), signed as Standard Webhooks.

An emoji that is taken back bears the times of the award, so the award's id decides. Source:
docs.gitlab.com, webhook events.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns.intake.kinds.collect import EventCollector
from campaigns.intake.kinds.model import EMPTY_ANSWER, Kind, PlatformEvent, Reading, Request, Secret, Verified
from campaigns.intake.kinds.reading import content_id, content_part, is_member, moment, parse_json, text, text_id
from campaigns.intake.kinds.signatures import delivery_id
from campaigns.intake.signature import VerificationKey, verify_delivery

_EVENT = "emoji"
_PREFIX = "whsec_"


def verify(request: Request, secrets: Sequence[Secret], now: datetime) -> Verified | None:
    """Return the verified request, or None. A token in clear (`X-Gitlab-Token`) proves nothing. Pure."""
    keys = [VerificationKey("v1", _signing_key(secret)) for secret in secrets]
    delivery = verify_delivery(request.headers, request.body, keys, now)
    return None if delivery is None else Verified(request, delivery.key_indexes)


def _signing_key(secret: Secret) -> bytes:
    """Return the key of a signing token: base64 after its prefix (Standard Webhooks)."""
    token = secret.values["secret"]
    try:
        return base64.b64decode(token.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return token.encode()


def read(verified: Verified, reactions: frozenset[str]) -> Reading:
    """Return the emoji of a body. Raises Unreadable. Pure."""
    headers, body, collector = verified.request.headers, parse_json(verified.request.body), EventCollector()
    if is_member(body, "object_kind", _EVENT):
        collector.add(_EVENT, lambda: _read_emoji(body, reactions))
    else:
        collector.ignored += 1
    delivery = delivery_id(verified.request.body, headers.get("idempotency-key") or headers.get("webhook-id", ""))
    return Reading(collector.events, collector.ignored, collector.unread, EMPTY_ANSWER, delivery)


def _read_emoji(body: Any, reactions: frozenset[str]) -> PlatformEvent | None:
    award, person = "object_attributes", text_id(body, "object_attributes.user_id")
    like_id = f"{content_part(body, 'project_id')}/{content_part(body, f'{award}.id')}"
    if is_member(body, "event_type", "revoke"):
        return PlatformEvent("unlike", None, person, None, like_id)
    if not is_member(body, "event_type", "award") or text(body, f"{award}.name") not in reactions:
        return None
    parts = content_part(body, "project_id"), text(body, f"{award}.awardable_type")
    content = content_id("gitlab", *parts, content_part(body, f"{award}.awardable_id"))
    created_at = moment(body, f"{award}.created_at") if "created_at" in body[award] else None
    return PlatformEvent("like", content, person, created_at, like_id)


KIND = Kind(
    "gitlab-emoji",
    secrets=("secret",),
    ack_seconds=10,
    verify=verify,
    read=read,
    reactions=("thumbsup", "heart", "tada", "clap", "rocket"),
    setup={
        "zh": "GitLab 项目的 Settings → Webhooks：事件选 Emoji events，并生成签名令牌；secret 即该令牌。",
        "en": "GitLab, Settings → Webhooks of the project: Emoji events, with a signing token: the secret.",
    },
    limits={
        "zh": "撤回表情只指出原表情的编号。",
        "en": "An emoji that is taken back names only the id of the award.",
    },
)
