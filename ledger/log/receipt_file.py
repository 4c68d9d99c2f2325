"""Parse a receipt's file: JSON that all readers parse alike (RFC 7493), with fixed lengths.

`ops/site/verify/proof.js` parses the same file in the browser and must refuse the same files.
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
    """The file is not a receipt with a proof."""


class NotLoggedYet(MalformedReceipt):
    """The receipt's like is not in a checkpoint yet."""


class Like(NamedTuple):
    """The content of a batch's leaf; `event_us` is in microseconds since 1970."""

    nonce: bytes
    person: bytes
    event_us: int
    content: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The leaf's hash and its path to the batch's root."""

    id: int
    size: int
    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    root: bytes


@dataclass(frozen=True, slots=True)
class CountLeaf:
    """The `count` leaf that names the batch, and its path to the checkpoint's root."""

    index: int
    entry: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ReceiptProof:
    """The parsed receipt, unverified; `like` is None once the service has erased the like."""

    campaign: str
    like: Like | None
    batch: Batch
    count: CountLeaf
    checkpoint: bytes


def read_proof(raw: bytes) -> ReceiptProof:
    """Return the content of a receipt's file.

    Raises NotLoggedYet if the like is not in a checkpoint yet, MalformedReceipt without a proof.
    """
    try:
        return _parse_proof(_parse_json(raw))
    except MalformedReceipt:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedReceipt(f"not a receipt with a proof: {error!r}") from None


def _parse_json(raw: bytes) -> Any:
    if len(raw) > RECEIPT_BYTES_MAX:
        raise MalformedReceipt(f"more than {RECEIPT_BYTES_MAX} bytes")
    value = json.loads(raw.decode(), parse_constant=_refuse_constant)
    canonical_bytes(value)  # refuses values that readers parse differently, such as floats
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _parse_proof(fields: Mapping[str, Any]) -> ReceiptProof:
    batch = _parse_batch(fields["batch"])
    like = None if fields["like"] is None else _parse_like(fields["like"])
    if fields["checkpoint"] is None:
        raise NotLoggedYet("the receipt is not in a checkpoint yet; request it again in a second")
    return ReceiptProof(
        _require_text(fields["campaign"]),
        like,
        batch,
        _parse_count(fields["count"]),
        _require_text(fields["checkpoint"]).encode(),
    )


def _parse_like(fields: Mapping[str, Any]) -> Like:
    # Fixed lengths: otherwise the same leaf bytes could be split into another like.
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
    if type(value) is not int or value < 0:  # bool is an int in Python
        raise ValueError(f"{value!r} is not a count")
    return value


def _require_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value


def _require_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
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
