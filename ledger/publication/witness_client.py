"""One call of a witness: our checkpoint, the proof that it grew, and what the answer says (https://c2sp.org/tlog-witness).

The first half decides and sees no network; the second is the one request, bounded in time and bytes.
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

RESPONSE_BYTES_MAX = 64 * 1024  # a hundred signature lines and more
SIZE_CONTENT_TYPE = "text/x.tlog.size"

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness that is asked: its key, and the address below which `add-checkpoint` stands."""

    key: WitnessKey
    url: str


class WitnessResponse(NamedTuple):
    """What came back, or why nothing did: `status` is 0 then, and `body` says it."""

    status: int
    content_type: str
    body: bytes


class SizeConflict(NamedTuple):
    """The witness has seen another size than we thought: one asks again from there."""

    size: int


class WitnessFailure(NamedTuple):
    """It did not cosign, and asking the same again would not change that."""

    reason: str


def build_request(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return what is sent: the size that the witness has seen, the proof from there, and the checkpoint."""
    lines = [f"old {old_size}", *map(to_base64, proof), ""]
    return "".join(f"{line}\n" for line in lines).encode() + note


def parse_response(
    response: WitnessResponse, note: bytes, key: WitnessKey
) -> Cosignature | SizeConflict | WitnessFailure:
    """Return what an answer to the checkpoint `note` says. Nothing in it is believed before it was verified."""
    if response.status == HTTPStatus.OK:
        return _parse_cosignature(response.body, note, key)
    if response.status == HTTPStatus.CONFLICT and response.content_type.lower() == SIZE_CONTENT_TYPE:
        return _parse_size_conflict(response.body)
    if not response.status:
        return WitnessFailure(response.body.decode())
    why = _STATUS_REASONS.get(response.status)
    return WitnessFailure(f"status {response.status}: {why}" if why else f"status {response.status}")


_STATUS_REASONS: dict[int, str] = {
    HTTPStatus.FORBIDDEN: "it does not know the key that signs this log",
    HTTPStatus.NOT_FOUND: "it does not know this log, or the address is another's",
    HTTPStatus.CONFLICT: "it has seen another tree of this size",
    HTTPStatus.UNPROCESSABLE_ENTITY: "it has seen another past of this log",
}


def _parse_cosignature(body: bytes, note: bytes, key: WitnessKey) -> Cosignature | WitnessFailure:
    try:
        found = verify_cosignatures(parse_note(note + body), [key])
    except (InvalidCosignature, MalformedNote) as fault:
        return WitnessFailure(str(fault))
    return found[0] if found else WitnessFailure(f"no cosignature of {key.name!r} with this key in the answer")


def _parse_size_conflict(body: bytes) -> SizeConflict | WitnessFailure:
    told = _SIZE.fullmatch(body)
    if told is None or int(told[1]) > SIZE_MAX:
        return WitnessFailure("a conflict, and the answer is no size")
    return SizeConflict(int(told[1]))


# --- the request ---


async def post_checkpoint(session: aiohttp.ClientSession, witness: Witness, body: bytes) -> WitnessResponse:
    """Ask for a cosignature. Follows no redirect; an answer that is too large is none."""
    url = f"{witness.url.rstrip('/')}/add-checkpoint"
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            said = await read_bounded(answer.content, RESPONSE_BYTES_MAX)
            if said is None:
                return WitnessResponse(0, "", f"an answer of more than {RESPONSE_BYTES_MAX} bytes".encode())
            return WitnessResponse(answer.status, answer.content_type, said)
    except TimeoutError:
        return WitnessResponse(0, "", b"no answer in time")
    except (aiohttp.ClientError, OSError, ValueError) as fault:
        return WitnessResponse(0, "", f"not reached: {type(fault).__name__}".encode())
