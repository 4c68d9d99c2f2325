"""A receipt's file as values: JSON that every reader reads alike (RFC 7493), each member of its kind and length.

`ops/site/verify/proof.js` reads the same in the browser: what is refused here must be refused there.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from ledger.log.canonical import canonical_bytes
from ledger.log.encoding import from_base64
from ledger.log.merkle import HASH_BYTES

RECEIPT_BYTES_MAX = 1 << 20
NONCE_BYTES = 16
PERSON_BYTES = 16

_HEX = re.compile(r"[0-9a-f]*")


class MalformedReceipt(ValueError):
    """The file is no receipt with a proof."""


class NotLoggedYet(MalformedReceipt):
    """A receipt whose like waits for the log's next checkpoint."""


class Like(NamedTuple):
    """What the leaf commits to; `event_us` in microseconds since 1970."""

    nonce: bytes
    person: bytes
    event_us: int
    content: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The leaf's hash and its way to the batch's root."""

    id: int
    size: int
    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    root: bytes


@dataclass(frozen=True, slots=True)
class Count:
    """The log's leaf that tells of the batch, and its way to the checkpoint."""

    index: int
    entry: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """All that a receipt says, none of it checked; `like` is None once it is not known any more."""

    campaign: str
    like: Like | None
    batch: Batch
    count: Count
    checkpoint: bytes


def read_proof(raw: bytes) -> Proof:
    """Return what a receipt's file says. NotLoggedYet or another MalformedReceipt if there is no proof in it."""
    try:
        return _proof(_parse(raw))
    except MalformedReceipt:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise MalformedReceipt(f"no receipt with a proof: {fault!r}") from None


def _parse(raw: bytes) -> Any:
    if len(raw) > RECEIPT_BYTES_MAX:
        raise MalformedReceipt(f"more than {RECEIPT_BYTES_MAX} bytes")
    value = json.loads(raw.decode(), parse_constant=_no_number)
    canonical_bytes(value)  # it refuses what readers differ on: floats, large integers, lone surrogates, great depth
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _proof(told: Mapping[str, Any]) -> Proof:
    batch = _batch(told["batch"])
    like = None if told["like"] is None else _like(told["like"])
    if told["checkpoint"] is None:
        raise NotLoggedYet("the receipt is not in a checkpoint yet: ask for it again in a second")
    return Proof(_text(told["campaign"]), like, batch, _count(told["count"]), _text(told["checkpoint"]).encode())


def _like(told: Mapping[str, Any]) -> Like:
    # Of these lengths and no others: else the same bytes could be cut into another like.
    nonce, person = _bytes(told["nonce"], NONCE_BYTES), _bytes(told["person"], PERSON_BYTES)
    return Like(nonce, person, _number(told["event_us"]), _text(told["content"]))


def _batch(told: Mapping[str, Any]) -> Batch:
    path = tuple(_bytes(node, HASH_BYTES) for node in _list(told["path"]))
    leaf, root = _bytes(told["leaf"], HASH_BYTES), _bytes(told["root"], HASH_BYTES)
    return Batch(_number(told["id"]), _number(told["size"]), _number(told["index"]), leaf, path, root)


def _count(told: Mapping[str, Any]) -> Count:
    path = tuple(_hash(node) for node in _list(told["path"]))
    return Count(_number(told["index"]), _text(told["entry"]).encode(), path)


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:  # true is an integer to Python
        raise ValueError(f"{value!r} is no count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _bytes(value: Any, length: int) -> bytes:
    if not _HEX.fullmatch(_text(value)) or len(value) != 2 * length:
        raise ValueError(f"{value!r} is not {length} bytes in hex")
    return bytes.fromhex(value)


def _hash(value: Any) -> bytes:
    raw = from_base64(_text(value))
    if len(raw) != HASH_BYTES:
        raise ValueError(f"{value!r} is not {HASH_BYTES} bytes")
    return raw
