"""Webhooks of the simulated platform: mostly full, some small, some repeated."""

import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from ops.demo.platform import LikeObject
from ops.replay.batches import Batch

_BATCH_SIZES = (500, 500, 500, 500, 500, 500, 250, 20, 1)
_REPEAT_EVERY = 9  # webhooks
_REPEAT_AFTER = 6


@dataclass(slots=True)
class ResponseTally:
    """Responses of the service: outcomes of first deliveries, and whether repeats got the same bytes."""

    likes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    changed_repeats: int = 0
    _responses: dict[str, bytes] = field(default_factory=dict)

    def record(self, batch: Batch, response: bytes) -> None:
        """Record the response to a webhook."""
        if batch.webhook_id in self._responses:
            self.repeats += 1
            self.changed_repeats += response != self._responses[batch.webhook_id]
            return
        self._responses[batch.webhook_id] = response
        self.likes += batch.likes
        self.outcomes.update(orjson.loads(response)["outcomes"])


def make_webhooks(messages: Iterable[LikeObject], label: str, now: datetime) -> Iterator[Batch]:
    """Cut messages into webhooks; some are repeated a few webhooks later, byte for byte."""
    sent: deque[Batch] = deque(maxlen=_REPEAT_AFTER)
    position = 0
    for number, likes in enumerate(_split_batches(messages, random.Random(label))):  # noqa: S311 - a simulation must be repeatable
        body = orjson.dumps({"type": "likes", "timestamp": now, "data": {"likes": likes}})
        batch = Batch(position, f"demo_{label}_{number}", body, len(likes), 0)
        sent.append(batch)
        yield batch
        position += 1
        if number % _REPEAT_EVERY == _REPEAT_EVERY - 1:
            yield sent[0]._replace(sequence=position)
            position += 1


def _split_batches(messages: Iterable[LikeObject], rng: random.Random) -> Iterator[list[LikeObject]]:
    batch: list[LikeObject] = []
    size = rng.choice(_BATCH_SIZES)
    for message in messages:
        batch.append(message)
        if len(batch) == size:
            yield batch
            batch, size = [], rng.choice(_BATCH_SIZES)
    if batch:
        yield batch
