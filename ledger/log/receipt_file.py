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
class CountLeaf:
    """The log's leaf that tells of the batch, and its way to the checkpoint."""

    index: int
    entry: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ReceiptProof:
    """All that a receipt says, none of it checked; `like` is None once it is not known any more."""

    campaign: str
    like: Like | None
    batch: Batch
    count: CountLeaf
    checkpoint: bytes


def read_proof(raw: bytes) -> ReceiptProof:
    """Return what a receipt's file says. NotLoggedYet or another MalformedReceipt if there is no proof in it."""
    try:
        return _parse_proof(_parse_json(raw))
    except MalformedReceipt:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise MalformedReceipt(f"no receipt with a proof: {fault!r}") from None


def _parse_json(raw: bytes) -> Any:
    if len(raw) > RECEIPT_BYTES_MAX:
        raise MalformedReceipt(f"more than {RECEIPT_BYTES_MAX} bytes")
    value = json.loads(raw.decode(), parse_constant=_refuse_constant)
    canonical_bytes(value)  # it refuses what readers differ on: floats, large integers, lone surrogates, great depth
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _parse_proof(fields: Mapping[str, Any]) -> ReceiptProof:
    batch = _parse_batch(fields["batch"])
    like = None if fields["like"] is None else _parse_like(fields["like"])
    if fields["checkpoint"] is None:
        raise NotLoggedYet("the receipt is not in a checkpoint yet: ask for it again in a second")
    return ReceiptProof(
        _require_text(fields["campaign"]),
        like,
        batch,
        _parse_count(fields["count"]),
        _require_text(fields["checkpoint"]).encode(),
    )


def _parse_like(fields: Mapping[str, Any]) -> Like:
    # Of these lengths and no others: else the same bytes could be cut into another like.
    nonce, person = _parse_hex(fields["nonce"], NONCE_BYTES), _parse_hex(fields["person"], PERSON_BYTES)
    return Like(nonce, person, _require_count(fields["event_us"]), _require_text(fields["content"]))


def _parse_batch(fields: Mapping[str, Any]) -> Batch:
    path = tuple(_parse_hex(node, HASH_BYTES) for node in _require_list(fields["path"]))
    leaf, root = _parse_hex(fields["leaf"], HASH_BYTES), _parse_hex(fields["root"], HASH_BYTES)
    return Batch(
        _require_count(fields["id"]),
        _require_count(fields["size"]),
        _require_count(fields["index"]),
        leaf,
        path,
        root,
    )


def _parse_count(fields: Mapping[str, Any]) -> CountLeaf:
    path = tuple(_parse_hash(node) for node in _require_list(fields["path"]))
    return CountLeaf(_require_count(fields["index"]), _require_text(fields["entry"]).encode(), path)


def _require_count(value: Any) -> int:
    if type(value) is not int or value < 0:  # true is an integer to Python
        raise ValueError(f"{value!r} is no count")
    return value


def _require_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _require_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _parse_hex(value: Any, length: int) -> bytes:
    if not _HEX.fullmatch(_require_text(value)) or len(value) != 2 * length:
        raise ValueError(f"{value!r} is not {length} bytes in hex")
    return bytes.fromhex(value)


def _parse_hash(value: Any) -> bytes:
    raw = from_base64(_require_text(value))
    if len(raw) != HASH_BYTES:
        raise ValueError(f"{value!r} is not {HASH_BYTES} bytes")
    return raw
