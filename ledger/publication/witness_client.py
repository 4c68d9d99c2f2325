"""One call of a witness: our checkpoint, the proof that it grew, and what the answer says (https://c2sp.org/tlog-witness).

The first half decides and sees no network; the second is the one request, bounded in time and bytes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

import aiohttp

from ledger.http_client import whole
from ledger.log.checkpoint import SIZE_MAX
from ledger.log.cosignature import Cosignature, FalseCosignature, WitnessKey, cosignatures
from ledger.log.encoding import to_base64
from ledger.log.note import MalformedNote, parse_note

ANSWER_BYTES_MAX = 64 * 1024  # a hundred signature lines and more
SIZE_TYPE = "text/x.tlog.size"

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness that is asked: its key, and the address below which `add-checkpoint` stands."""

    key: WitnessKey
    url: str


class Answer(NamedTuple):
    """What came back, or why nothing did: `status` is 0 then, and `body` says it."""

    status: int
    content_type: str
    body: bytes


class Stands(NamedTuple):
    """The witness has seen another size than we thought: one asks again from there."""

    size: int


class Fault(NamedTuple):
    """It did not cosign, and asking the same again would not change that."""

    reason: str


def request_body(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return what is sent: the size that the witness has seen, the proof from there, and the checkpoint."""
    lines = [f"old {old_size}", *map(to_base64, proof), ""]
    return "".join(f"{line}\n" for line in lines).encode() + note


def read_answer(answer: Answer, note: bytes, key: WitnessKey) -> Cosignature | Stands | Fault:
    """Return what an answer to the checkpoint `note` says. Nothing in it is believed before it was verified."""
    if answer.status == HTTPStatus.OK:
        return _cosigned(answer.body, note, key)
    if answer.status == HTTPStatus.CONFLICT and answer.content_type.lower() == SIZE_TYPE:
        return _stands(answer.body)
    if not answer.status:
        return Fault(answer.body.decode())
    why = _WHY.get(answer.status)
    return Fault(f"status {answer.status}: {why}" if why else f"status {answer.status}")


_WHY: dict[int, str] = {
    HTTPStatus.FORBIDDEN: "it does not know the key that signs this log",
    HTTPStatus.NOT_FOUND: "it does not know this log, or the address is another's",
    HTTPStatus.CONFLICT: "it has seen another tree of this size",
    HTTPStatus.UNPROCESSABLE_ENTITY: "it has seen another past of this log",
}


def _cosigned(body: bytes, note: bytes, key: WitnessKey) -> Cosignature | Fault:
    try:
        found = cosignatures(parse_note(note + body), [key])
    except (FalseCosignature, MalformedNote) as fault:
        return Fault(str(fault))
    return found[0] if found else Fault(f"no cosignature of {key.name!r} with this key in the answer")


def _stands(body: bytes) -> Stands | Fault:
    told = _SIZE.fullmatch(body)
    if told is None or int(told[1]) > SIZE_MAX:
        return Fault("a conflict, and the answer is no size")
    return Stands(int(told[1]))


# --- the request ---


async def post(http: aiohttp.ClientSession, witness: Witness, body: bytes) -> Answer:
    """Ask for a cosignature. Follows no redirect; an answer that is too large is none."""
    url = f"{witness.url.rstrip('/')}/add-checkpoint"
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    try:
        async with http.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            said = await whole(answer.content, ANSWER_BYTES_MAX)
            if said is None:
                return Answer(0, "", f"an answer of more than {ANSWER_BYTES_MAX} bytes".encode())
            return Answer(answer.status, answer.content_type, said)
    except TimeoutError:
        return Answer(0, "", b"no answer in time")
    except (aiohttp.ClientError, OSError, ValueError) as fault:
        return Answer(0, "", f"not reached: {type(fault).__name__}".encode())
