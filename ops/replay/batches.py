"""Batches of a file's likes: webhooks whose ids and bytes depend on the file alone, on no clock.

A run that is restarted sends the same webhooks again, and the service counts nothing twice.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO, NamedTuple

from campaigns.intake.payload import BODY_BYTES_MAX
from ops.replay.formats import BadLine, Like

_BAD_LINES_KEPT_MAX = 100
_CHUNK_BYTES = 1024 * 1024
_BODY = b'{"type":"likes","timestamp":"%s","data":{"likes":[%s]}}'
_BODY_OVERHEAD_BYTES = len(_BODY) + 40  # with its timestamp


class Batch(NamedTuple):
    """One webhook to be sent."""

    sequence: int  # from 0, in file order
    webhook_id: str
    body: bytes
    likes: int
    last_line: int
    lines: tuple[int, ...] = ()  # of its likes


@dataclass(slots=True)
class ReadTally:
    """The bad lines so far."""

    skips_bad_lines: bool
    bad_lines: int = 0
    first_bad: list[BadLine] = field(default_factory=list)

    def take_likes(self, items: Iterable[Like | BadLine]) -> Iterator[Like]:
        """Yield likes and record bad lines; stop at the first unless bad lines are skipped."""
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
    """Return the file's BLAKE2b digest, 32 bytes; call `advance` with each chunk read."""
    digest = blake2b(digest_size=32)
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
        advance(chunk)
    return digest.digest()


def cut_batches(likes: Iterable[Like], identity: bytes, batch_size: int) -> Iterator[Batch]:
    """Yield webhooks of `batch_size` likes, or fewer if a body would be too large.

    `identity` is the digest of the file and of how it is cut.
    """
    for sequence, batch in enumerate(_split_likes(likes, batch_size)):
        body = _BODY % (_newest_timestamp(batch), b",".join(like.json for like in batch))
        # The id covers the body: one id never has two bodies, even if options change between runs.
        digest = blake2b(b"%d\n%s" % (sequence, body), key=identity, digest_size=16)
        yield Batch(
            sequence,
            f"replay_{digest.hexdigest()}",
            body,
            len(batch),
            batch[-1].line,
            tuple(like.line for like in batch),
        )


def _split_likes(likes: Iterable[Like], batch_size: int) -> Iterator[list[Like]]:
    batch: list[Like] = []
    body_bytes = _BODY_OVERHEAD_BYTES
    for like in likes:
        body_bytes += len(like.json) + 1
        if batch and (len(batch) == batch_size or body_bytes > BODY_BYTES_MAX):
            yield batch
            batch, body_bytes = [], _BODY_OVERHEAD_BYTES + len(like.json) + 1
        batch.append(like)
    if batch:
        yield batch


def _newest_timestamp(batch: list[Like]) -> bytes:
    return max(like.event_at for like in batch).isoformat().encode()
