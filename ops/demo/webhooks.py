"""How the simulated platform sends: mostly full webhooks, a few small ones, and now and then the same one again."""

import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from ops.demo.platform import Message
from ops.replay.batches import Batch

_SIZES = (500, 500, 500, 500, 500, 500, 250, 20, 1)
_AGAIN_EVERY = 9  # webhooks
_AGAIN_AFTER = 6


@dataclass(slots=True)
class Answers:
    """What the service said: outcomes of what came for the first time, and whether it said the same again."""

    likes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    repeated_differently: int = 0
    _said: dict[str, bytes] = field(default_factory=dict)

    def hear(self, batch: Batch, answer: bytes) -> None:
        """Take note of an answer."""
        if batch.webhook_id in self._said:
            self.repeated += 1
            self.repeated_differently += answer != self._said[batch.webhook_id]
            return
        self._said[batch.webhook_id] = answer
        self.likes += batch.likes
        self.outcomes.update(orjson.loads(answer)["outcomes"])


def webhooks(messages: Iterable[Message], label: str, now: datetime) -> Iterator[Batch]:
    """Cut messages into webhooks; some are sent again, a few webhooks later, byte for byte."""
    sent: deque[Batch] = deque(maxlen=_AGAIN_AFTER)
    place = 0
    for number, likes in enumerate(_cut(messages, random.Random(label))):  # noqa: S311 - must come out the same again
        body = orjson.dumps({"type": "likes", "timestamp": now, "data": {"likes": likes}})
        batch = Batch(place, f"demo_{label}_{number}", body, len(likes), 0)
        sent.append(batch)
        yield batch
        place += 1
        if number % _AGAIN_EVERY == _AGAIN_EVERY - 1:
            yield sent[0]._replace(place=place)
            place += 1


def _cut(messages: Iterable[Message], rng: random.Random) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size = rng.choice(_SIZES)
    for message in messages:
        batch.append(message)
        if len(batch) == size:
            yield batch
            batch, size = [], rng.choice(_SIZES)
    if batch:
        yield batch
