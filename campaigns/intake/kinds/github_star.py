"""GitHub: stars of repositories (event `star`). Source: docs.github.com, webhook events and payloads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns.intake.kinds.collect import EventCollector
from campaigns.intake.kinds.model import EMPTY_ANSWER, Action, Kind, PlatformEvent, Reading, Request, Secret, Verified
from campaigns.intake.kinds.reading import content_id, content_part, is_member, moment, parse_json, text_id
from campaigns.intake.kinds.signatures import delivery_id, verify_hex_hmac

_EVENT = "star"
_ACTIONS: dict[str, Action] = {"created": "like", "deleted": "unlike"}


def verify(request: Request, secrets: Sequence[Secret], now: datetime) -> Verified | None:  # noqa: ARG001 - no time
    """Return the verified request, or None. Pure."""
    return verify_hex_hmac(request, secrets, "x-hub-signature-256")


def read(verified: Verified, reactions: frozenset[str]) -> Reading:  # noqa: ARG001 - it has none
    """Return the star, or the star taken back, of a body. Raises Unreadable. Pure."""
    headers, collector = verified.request.headers, EventCollector()
    body = parse_json(verified.request.body)
    action = next((ours for theirs, ours in _ACTIONS.items() if is_member(body, "action", theirs)), None)
    if headers.get("x-github-event") == _EVENT and action is not None and is_member(body, "sender.type", "User"):
        collector.add(_EVENT, lambda: _read_star(body, action))
    else:
        collector.ignored += 1
    delivery = delivery_id(verified.request.body, headers.get("x-github-delivery", ""))
    return Reading(collector.events, collector.ignored, collector.unread, EMPTY_ANSWER, delivery)


def _read_star(body: Any, action: Action) -> PlatformEvent:
    repository = content_id("github", content_part(body, "repository.id"))
    starred_at = moment(body, "starred_at") if action == "like" and "starred_at" in body else None
    return PlatformEvent(action, repository, text_id(body, "sender.id"), starred_at)


KIND = Kind(
    "github-star",
    secrets=("secret",),
    ack_seconds=10,
    verify=verify,
    read=read,
    setup={
        "zh": "GitHub 仓库或组织的 Settings → Webhooks：内容类型选 application/json，事件选 Stars。",
        "en": "GitHub, Settings → Webhooks of the repository: content type application/json, event Stars.",
    },
    limits={
        "zh": "取消加星没有自己的时间，以首次收到的时间为准。",
        "en": "A star that is taken back has no time: the moment of its first receipt counts.",
    },
)
