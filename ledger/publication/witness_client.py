"""Send a checkpoint with a consistency proof to a witness (https://c2sp.org/tlog-witness).

The first part builds requests and parses responses without I/O. The second sends the request,
bounded in time and bytes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

import aiohttp

from ledger.http_client import read_bounded
from ledger.log.checkpoint import SIZE_MAX
from ledger.log.cosignature import Cosignature, InvalidCosignature, WitnessKey, verify_cosignatures
from ledger.log.encoding import to_base64
from ledger.log.note import MalformedNote, parse_note

RESPONSE_BYTES_MAX = 64 * 1024  # more than a hundred signature lines
SIZE_CONTENT_TYPE = "text/x.tlog.size"

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class Witness:
    """A configured witness: its key, and the base address of its `add-checkpoint`."""

    key: WitnessKey
    url: str


class WitnessResponse(NamedTuple):
    """An HTTP response; if there was none, `status` is 0 and `body` is the reason."""

    status: int
    content_type: str
    body: bytes


class SizeConflict(NamedTuple):
    """The witness has seen another size than `old_size`: retry from this size."""

    size: int


class WitnessFailure(NamedTuple):
    """The witness did not cosign; the same request would fail again."""

    reason: str
    is_other_history: bool = False  # it has seen another tree of this log


def build_request(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return the request's body: the size the witness has seen, the proof, the checkpoint."""
    lines = [f"old {old_size}", *map(to_base64, proof), ""]
    return "".join(f"{line}\n" for line in lines).encode() + note


def parse_response(
    response: WitnessResponse, note: bytes, key: WitnessKey
) -> Cosignature | SizeConflict | WitnessFailure:
    """Return the result of sending the checkpoint `note`. A cosignature is verified first."""
    if response.status == HTTPStatus.OK:
        return _parse_cosignature(response.body, note, key)
    if response.status == HTTPStatus.CONFLICT and response.content_type.lower() == SIZE_CONTENT_TYPE:
        return _parse_size_conflict(response.body)
    if not response.status:
        return WitnessFailure(response.body.decode())
    reason = _STATUS_REASONS.get(response.status)
    is_other_history = response.status in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
    return WitnessFailure(
        f"status {response.status}: {reason}" if reason else f"status {response.status}", is_other_history
    )


_STATUS_REASONS: dict[int, str] = {
    HTTPStatus.FORBIDDEN: "the witness does not know this log's key",
    HTTPStatus.NOT_FOUND: "the witness does not know this log, or its address is wrong",
    HTTPStatus.CONFLICT: "the witness has seen another tree of this size",
    HTTPStatus.UNPROCESSABLE_ENTITY: "the witness has seen another history of this log",
}


def _parse_cosignature(body: bytes, note: bytes, key: WitnessKey) -> Cosignature | WitnessFailure:
    try:
        cosignatures = verify_cosignatures(parse_note(note + body), [key])
    except (InvalidCosignature, MalformedNote) as error:
        return WitnessFailure(str(error))
    return (
        cosignatures[0]
        if cosignatures
        else WitnessFailure(f"the response has no cosignature of {key.name!r} with this key")
    )


def _parse_size_conflict(body: bytes) -> SizeConflict | WitnessFailure:
    match = _SIZE.fullmatch(body)
    if match is None or int(match[1]) > SIZE_MAX:
        return WitnessFailure("status 409, but the body is not a size")
    return SizeConflict(int(match[1]))


# --- the request ---


async def post_checkpoint(session: aiohttp.ClientSession, witness: Witness, body: bytes) -> WitnessResponse:
    """Send the request. Redirects are not followed; a body above the bound is dropped."""
    url = f"{witness.url.rstrip('/')}/add-checkpoint"
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            response_body = await read_bounded(response.content, RESPONSE_BYTES_MAX)
            if response_body is None:
                return WitnessResponse(0, "", f"the response exceeds {RESPONSE_BYTES_MAX} bytes".encode())
            return WitnessResponse(response.status, response.content_type, response_body)
    except TimeoutError:
        return WitnessResponse(0, "", b"no response in time")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return WitnessResponse(0, "", f"unreachable: {type(error).__name__}".encode())
