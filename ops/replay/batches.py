"""Batches of a file's likes: each a webhook whose id and bytes come from the file and the place in it, from no clock.

So a run that is started again sends the same webhooks again, and a service that knows them counts nothing twice.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO, NamedTuple

from campaigns.intake.payload import BODY_BYTES_MAX
from ops.replay.formats import BadLine, Like

_BAD_LINES_KEPT_MAX = 100
_CHUNK_BYTES = 1024 * 1024
_ENVELOPE = b'{"type":"likes","timestamp":"%s","data":{"likes":[%s]}}'
_ENVELOPE_BYTES_MAX = len(_ENVELOPE) + 40  # with its timestamp


class Batch(NamedTuple):
    """One webhook to be sent."""

    sequence: int  # 0, 1, 2 … in the order of the file
    webhook_id: str
    body: bytes
    likes: int
    last_line: int


@dataclass(slots=True)
class ReadTally:
    """What became of the file's lines so far."""

    skips_bad_lines: bool  # after a bad line
    bad_lines: int = 0
    first_bad: list[BadLine] = field(default_factory=list)

    def take_likes(self, items: Iterable[Like | BadLine]) -> Iterator[Like]:
        """Pass likes on and keep bad lines; ends at the first of them unless the reading goes on."""
        for item in items:
            if isinstance(item, Like):
                yield item
                continue
            self.bad_lines += 1
            if len(self.first_bad) < _BAD_LINES_KEPT_MAX:
                self.first_bad.append(item)
            if not self.skips_bad_lines:
                return


def digest_file(file: BinaryIO, advance: Callable[[bytes], None]) -> bytes:
    """Return what the file is told by, whatever its name or place; `advance` is given each part read."""
    digest = blake2b(digest_size=32)
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
        advance(chunk)
    return digest.digest()


def cut_batches(likes: Iterable[Like], identity: bytes, batch_size: int) -> Iterator[Batch]:
    """Cut likes into webhooks of `size` likes, or fewer where they would not fit a body.

    `identity` stands for the file and the way in which it is cut.
    """
    for place, batch in enumerate(_split_likes(likes, batch_size)):
        body = _ENVELOPE % (_newest_timestamp(batch), b",".join(like.json for like in batch))
        # The body is part of the id: the same id never stands for two bodies, whatever was asked for in between.
        own = blake2b(b"%d\n%s" % (place, body), key=identity, digest_size=16)
        yield Batch(place, f"replay_{own.hexdigest()}", body, len(batch), batch[-1].line)


def _split_likes(likes: Iterable[Like], batch_size: int) -> Iterator[list[Like]]:
    batch: list[Like] = []
    filled = _ENVELOPE_BYTES_MAX
    for like in likes:
        filled += len(like.json) + 1
        if batch and (len(batch) == batch_size or filled > BODY_BYTES_MAX):
            yield batch
            batch, filled = [], _ENVELOPE_BYTES_MAX + len(like.json) + 1
        batch.append(like)
    if batch:
        yield batch


def _newest_timestamp(batch: list[Like]) -> bytes:
    return max(like.event_at for like in batch).isoformat().encode()
