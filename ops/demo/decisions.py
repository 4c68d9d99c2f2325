"""What the service decided about the platform's likes, asked as any platform can.

The demonstration takes these decisions as given, and computes every count and amount from them by itself.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple
from uuid import uuid4

import orjson

from ops.demo.expected import Decisions, ExpectedCounts, LikeKey
from ops.replay.batches import Batch
from ops.replay.sender import DeliveryTally, Sender

DECIDED_STATES = frozenset({"quarantined", "void", "low_quality"})
UNKNOWN = "unknown"
_ASKED_MAX = 1_000  # likes in a request


async def ask_decisions(sender: Sender, campaign: str, likes: Collection[LikeKey]) -> Decisions:
    """Return the state of each like that was decided against, or that the service does not know."""
    decisions: Decisions = {}
    sorted_keys = sorted(likes)
    for start in range(0, len(sorted_keys), _ASKED_MAX):
        keys = sorted_keys[start : start + _ASKED_MAX]
        batch = Batch(0, f"demo_status_{uuid4().hex}", _make_body(sender, campaign, keys), len(keys), 0)
        answer = orjson.loads(await sender.request(batch, DeliveryTally()))
        decisions.update(_read_decisions(keys, answer["likes"]))
    return decisions


def _make_body(sender: Sender, campaign: str, keys: Sequence[LikeKey]) -> bytes:
    likes = [{"campaign": campaign, "person": person, "content": content} for person, content in keys]
    return orjson.dumps({"type": "likes.status", "timestamp": sender.clock(), "data": {"likes": likes}})


def _read_decisions(keys: Sequence[LikeKey], statuses: Sequence[dict[str, str]]) -> Iterator[tuple[LikeKey, str]]:
    for key, status in zip(keys, statuses, strict=True):
        if status["state"] in {*DECIDED_STATES, UNKNOWN}:
            yield key, status["state"]


class DecidedLikes(NamedTuple):
    """Likes of one kind that this run sent, and how many of them were decided against."""

    kind: str
    sent: int
    stopped: int


HONEST = "honest"


def count_decided(expected: ExpectedCounts) -> list[DecidedLikes]:
    """Return this run's likes by kind: each attack, then honest ones. Pure."""
    sent: Counter[str] = Counter()
    stopped: Counter[str] = Counter()
    for key in expected.likes:
        kind = expected.fakes.get(key, HONEST)
        sent[kind] += 1
        stopped[kind] += expected.decisions.get(key) in DECIDED_STATES
    return [DecidedLikes(kind, sent[kind], stopped[kind]) for kind in sorted(sent, key=lambda k: (k == HONEST, k))]
