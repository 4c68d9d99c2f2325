"""Valid and invalid receipts that the command line and the browser must decide alike.

Each case changes one thing in a valid receipt and names the step of `ledger.log.receipt` that then
fails, or `malformed` if there is nothing to check.
"""

import copy
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ledger.log.canonical import canonical_bytes
from ledger.log.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.log.encoding import to_base64
from ledger.log.merkle import inclusion_proof, leaf_hash, root
from ledger.log.note import (
    Note,
    Signer,
    format_note,
    format_verifier_key,
    make_signer,
    parse_note,
    parse_verifier_key,
    sign_note,
)
from ledger.log.receipt import MalformedReceipt, NotLoggedYet, check_receipt, like_entry

LOG = make_signer("ledger.example.org/log", b"l" * 32)
FOREIGN = make_signer("other.example.org/log", b"x" * 32)
NAMESAKE = make_signer(LOG.name, b"n" * 32)
WITNESS = make_signer("witness.example.org", b"w" * 32)
HOLDS, MALFORMED, WAITING = "holds", "malformed", "waiting"

LIKE = {"nonce": "0a" * 16, "person": "0b" * 16, "event_us": 1_649_563_200_000_000, "content": "视频 3431182"}
LEAF_POSITION, BATCH_ID = 2, 7
LEAVES = [leaf_hash(bytes([n])) for n in range(5)]
LEAVES[LEAF_POSITION] = leaf_hash(like_entry(b"\x0a" * 16, b"\x0b" * 16, 1_649_563_200_000_000, "视频 3431182"))
COUNT = {
    "kind": "count",
    "v": 1,
    "campaign": "rural-education",
    "days": [{"day": "2022-04-10", "counted": 5, "withdrawn": 0, "void": 0}],
    "batches": [[6, 1, "00" * 32], [BATCH_ID, len(LEAVES), root(LEAVES).hex()]],
}
DAY_2 = COUNT["days"][0] | {"quarantined": 2, "low_quality": 0}  # type: ignore[index]
COUNT_2 = COUNT | {"v": 2, "days": [DAY_2]}
INDEX, LOG_SIZE = 4, 7

STEPS = ["like", "batch", "count", "signature", "log"]

Receipt = dict[str, Any]
Change = Callable[[Receipt], object]


class Case(NamedTuple):
    """A receipt's file, the key to check it with, and the expected outcome."""

    name: str
    raw: bytes
    outcome: str
    key: str = format_verifier_key(LOG.verifier_key)


def log_entry(entry: bytes, signer: Signer = LOG) -> tuple[list[str], str]:
    """Return an entry's path in a log with other entries, and the log's signed checkpoint."""
    hashes = [leaf_hash(b"another %d" % n) for n in range(LOG_SIZE)]
    hashes[INDEX] = leaf_hash(entry)
    note = sign_checkpoint(Checkpoint(signer.name, LOG_SIZE, root(hashes)), signer).decode()
    return [to_base64(node) for node in inclusion_proof(hashes, INDEX)], note


def check_outcome(raw: bytes, key: str) -> str:
    """Return the failing step of the command line's check, or a word for the outcome."""
    try:
        steps = check_receipt(raw, parse_verifier_key(key))
    except NotLoggedYet:
        return WAITING
    except MalformedReceipt:
        return MALFORMED
    names = [step.name for step in steps]
    first = STEPS.index(names[0])
    assert names == STEPS[first : first + len(names)]
    failing = [step.name for step in steps if not step.holds]
    return failing[0] if failing else HOLDS


def receipt_with_count(count: Mapping[str, Any] | bytes, signer: Signer = LOG) -> Receipt:
    """Return a receipt whose log contains this count leaf."""
    entry = count if isinstance(count, bytes) else canonical_bytes(count)
    path, note = log_entry(entry, signer)
    return {
        "receipt": "rcp_AAAAAAAAAAcAAAACCgoKCgoKCgo",
        "campaign": "rural-education",
        "as_of": "2022-04-11T00:00:00.000Z",
        "fate": "counted",
        "like": LIKE,
        "batch": {
            "id": BATCH_ID,
            "size": len(LEAVES),
            "index": LEAF_POSITION,
            "leaf": LEAVES[LEAF_POSITION].hex(),
            "path": [node.hex() for node in inclusion_proof(LEAVES, LEAF_POSITION)],
            "root": root(LEAVES).hex(),
        },
        "count": {"index": INDEX, "entry": entry.decode(), "path": path},
        "checkpoint": note,
    }


VALID_RECEIPT = receipt_with_count(COUNT)


def apply_change(change: Change, receipt: Receipt = VALID_RECEIPT) -> bytes:
    """Return the receipt with one thing changed."""
    other = copy.deepcopy(receipt)
    change(other)
    return json.dumps(other).encode()


def set_members(part: str, **members: Any) -> Change:
    return lambda receipt: receipt[part].update(members)


def replace_note(change: Callable[[str], str]) -> Change:
    return lambda receipt: receipt.update(checkpoint=change(receipt["checkpoint"]))


def sign_text(text: str, *signers: Signer) -> Change:
    """Replace the checkpoint's text, with valid signatures."""
    note = Note(text)
    for signer in signers or (LOG,):
        note = sign_note(note, signer)
    return lambda receipt: receipt.update(checkpoint=format_note(note).decode())


def add_cosignature(receipt: Receipt) -> None:
    receipt["checkpoint"] = format_note(sign_note(parse_note(receipt["checkpoint"].encode()), WITNESS)).decode()


def reorder_members(text: str) -> str:
    """Return the same JSON with its members in reverse order."""
    return json.dumps(dict(reversed(json.loads(text).items())), separators=(",", ":"))


def move_byte_boundary(receipt: Receipt) -> None:
    """Split the leaf's bytes elsewhere: the same hash, another like."""
    moment = receipt["like"]["event_us"].to_bytes(8, "big")
    content = receipt["like"]["content"].encode()
    shifted = int.from_bytes(moment[1:] + content[:1], "big")
    person = receipt["like"]["person"] + moment[:1].hex()
    receipt["like"] = receipt["like"] | {"person": person, "event_us": shifted, "content": "x"}


ROOT = to_base64(bytes(32))
FALSE_LINE = f"— {LOG.name} {to_base64(LOG.verifier_key.key_id + bytes(64))}\n"
HEAD = LOG.name + "\n{size}\n" + ROOT + "\n"
_FIRST_NODE = VALID_RECEIPT["batch"]["path"][0]
_LOG_NODE = VALID_RECEIPT["count"]["path"][0]

CHANGES: dict[str, dict[str, Change]] = {
    HOLDS: {
        "unchanged": lambda _: None,
        "an erased like": lambda r: r.update(like=None),
        "an unknown member": lambda r: r.update(later={"depth": [[[]]]}),
        "another fate, which the log does not prove": lambda r: r.update(fate="withdrawn"),
        "a witness's cosignature": add_cosignature,
        "an extension line": lambda r: sign_text(
            format_checkpoint(Checkpoint(*_checkpoint_parts(r["checkpoint"]), ("extra — line",)))
        )(r),
    },
    "like": {
        "another content": set_members("like", content="another"),
        "the same content, otherwise composed": set_members("like", content="视频 3431182\u200f"),
        "another moment": set_members("like", event_us=LIKE["event_us"] + 1),
        "another pseudonym": set_members("like", person="0c" * 16),
        "another nonce": set_members("like", nonce="0c" * 16),
        "another leaf": set_members("batch", leaf="00" * 32),
        "the largest moment": set_members("like", event_us=2**53 - 1),
    },
    "batch": {
        "another path": set_members("batch", path=["11" * 32, *VALID_RECEIPT["batch"]["path"][1:]]),
        "a path too short": set_members("batch", path=VALID_RECEIPT["batch"]["path"][:-1]),
        "a path too long": set_members("batch", path=[*VALID_RECEIPT["batch"]["path"], _FIRST_NODE]),
        "no path": set_members("batch", path=[]),
        "another index": set_members("batch", index=3),
        "an index out of range": set_members("batch", index=5),
        "another size": set_members("batch", size=4),
        "no size": set_members("batch", size=0),
        "the largest size": set_members("batch", size=2**53 - 1),
        "another root": set_members("batch", root="00" * 32),
        "a leaf without its like": lambda r: (r.update(like=None), r["batch"].update(leaf="00" * 32)),
    },
    "count": {
        "another batch": set_members("batch", id=6),
        "another size with the same path": set_members("batch", size=8),
        "no batch": set_members("batch", id=0),
        "another campaign": lambda r: r.update(campaign="other"),
        "an entry of nothing": set_members("count", entry="{}"),
        "an entry that is not JSON": set_members("count", entry="count"),
        "no entry": set_members("count", entry=""),
        "spaces in the entry": set_members("count", entry=VALID_RECEIPT["count"]["entry"].replace(":", ": ")),
        "another order in the entry": set_members("count", entry=reorder_members(VALID_RECEIPT["count"]["entry"])),
        "a line end after the entry": set_members("count", entry=VALID_RECEIPT["count"]["entry"] + "\n"),
    },
    "signature": {
        "another size signed": replace_note(lambda note: note.replace("\n7\n", "\n8\n")),
        "another root signed": replace_note(lambda note: note.replace(note.split("\n")[2], ROOT)),
        "another origin": replace_note(lambda note: note.replace(LOG.name, FOREIGN.name, 1)),
        "another name on the signature": replace_note(
            lambda note: note.replace(f"— {LOG.name}", f"— {FOREIGN.name}")
        ),
        "no signature": replace_note(lambda note: note.split("— ", maxsplit=1)[0]),
        "no note": replace_note(lambda _: "x"),
        "an empty note": replace_note(lambda _: ""),
        "no newline at the end": replace_note(lambda note: note[:-1]),
        "another line below": replace_note(lambda note: note + "PS\n"),
        "a hyphen instead of the dash": replace_note(lambda note: note.replace("— ", "- ")),
        "a carriage return": replace_note(lambda note: note.replace("\n", "\r\n")),
        "a null": replace_note(lambda note: note.replace("\n", "\0\n", 1)),
        "a line separator instead of a newline": replace_note(lambda note: note.replace("\n", "\u2028", 1)),
        "a space in the base64": replace_note(lambda note: note[:-3] + " " + note[-3:]),
        "a true signature and a false one": replace_note(lambda note: note + FALSE_LINE),
        "a signature cut short": replace_note(lambda note: note.rsplit(" ", 1)[0] + " AAAAAAA=\n"),
        "signed by a namesake": lambda r: r.update(checkpoint=log_entry(r["count"]["entry"].encode(), NAMESAKE)[1]),
        "signed, but no size": sign_text(HEAD.format(size="many")),
        "signed, with a leading zero": sign_text(HEAD.format(size="07")),
        "signed, with a sign": sign_text(HEAD.format(size="+7")),
        "signed, too large a size": sign_text(HEAD.format(size=2**63)),
        "signed, the empty tree with a root": sign_text(HEAD.format(size="0")),
        "signed, two lines only": sign_text(f"{LOG.name}\n7\n"),
        "signed, an empty line in it": sign_text(HEAD.format(size="7") + "\nmore\n"),
        "signed, a root too short": sign_text(f"{LOG.name}\n7\nAAAA\n"),
        "signed, of another log": sign_text(f"{FOREIGN.name}\n7\n{ROOT}\n"),
    },
    "log": {
        "another leaf of the log": set_members("count", index=0),
        "a leaf beyond the log": set_members("count", index=7),
        "a node of the path": set_members("count", path=[ROOT, *VALID_RECEIPT["count"]["path"][1:]]),
        "the log's path too short": set_members("count", path=VALID_RECEIPT["count"]["path"][:-1]),
        "another root, truly signed": sign_text(HEAD.format(size="7")),
        "the largest log": sign_text(HEAD.format(size=2**63 - 1)),
        "a size beyond 53 bits": sign_text(HEAD.format(size=2**53 + 1)),
    },
    WAITING: {
        "not in a checkpoint yet": lambda r: r.update(count=None, checkpoint=None),
    },
    MALFORMED: {
        "no like": lambda r: r.pop("like"),
        "no batch in it": lambda r: r.pop("batch"),
        "no count": lambda r: r.update(count=None),
        "no checkpoint": lambda r: r.pop("checkpoint"),
        "a checkpoint that is not a string": lambda r: r.update(checkpoint=[]),
        "a campaign that is not a string": lambda r: r.update(campaign=1),
        "a leaf in capitals": set_members("batch", leaf=VALID_RECEIPT["batch"]["leaf"].upper()),
        "a leaf with spaces": set_members("batch", leaf=VALID_RECEIPT["batch"]["leaf"][:-2] + "  "),
        "a leaf too short": set_members("batch", leaf=VALID_RECEIPT["batch"]["leaf"][:-2]),
        "a node of 31 bytes": set_members("batch", path=[_FIRST_NODE[2:]]),
        "two nodes in one": set_members("batch", path=[_FIRST_NODE + _FIRST_NODE]),
        "a path that is not a list": set_members("batch", path=_FIRST_NODE),
        "a node that is not base64": set_members("count", path=["?"]),
        "a node in another base64": set_members("count", path=[_LOG_NODE.replace("=", "")]),
        "an index as a string": set_members("batch", index="2"),
        "an index that is true": set_members("batch", index=True),
        "a negative index": set_members("batch", index=-1),
        "a fractional index": set_members("batch", index=2.0),
        "an index beyond 2^53": set_members("batch", index=2**53),
        "a moment beyond 2^53": set_members("like", event_us=2**53),
        "a moment before 1970": set_members("like", event_us=-1),
        "a nonce too long": set_members("like", nonce="0a" * 17),
        "a pseudonym too short": set_members("like", person="0b" * 15),
        "the leaf's bytes split elsewhere": move_byte_boundary,
        "a lone surrogate": set_members("like", content="\ud800"),
        "a fraction in an unknown member": lambda r: r.update(later=1.5),
        "a large number in an unknown member": lambda r: r.update(later=[2**53]),
        "great depth": lambda r: r.update(later=_nest_lists(70)),
    },
}

RAW_FILES: dict[str, bytes] = {
    "nothing": b"",
    "a list": b"[]",
    "an empty object": b"{}",
    "a text": b'"receipt"',
    "null": b"null",
    "no UTF-8": b'{"receipt": "\xff"}',
    "UTF-16": json.dumps(VALID_RECEIPT).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(VALID_RECEIPT).encode(),
    "not a number": json.dumps(VALID_RECEIPT).replace('"fate"', '"more": NaN, "fate"').encode(),
    "an exponent": json.dumps(VALID_RECEIPT).replace('"index": 2', '"index": 2e0').encode(),
    "a comma too many": json.dumps(VALID_RECEIPT)[:-1].encode() + b",}",
    "a line end within a text": json.dumps(VALID_RECEIPT).replace("counted", "counted\n", 1).encode(),
    "very great depth": b"[" * 100_000,
    "more than a mebibyte": json.dumps(VALID_RECEIPT).encode() + b" " * (1 << 20),
}


def _nest_lists(depth: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    return nested


def _checkpoint_parts(note: str) -> tuple[str, int, bytes]:
    checkpoint = parse_checkpoint(parse_note(note.encode()).text)
    return checkpoint.origin, checkpoint.size, checkpoint.root


def invalid_count_receipts() -> dict[str, bytes]:
    """Return receipts whose validly signed log contains an invalid count leaf."""
    day = COUNT["days"][0]  # type: ignore[index]
    counts: dict[str, Mapping[str, Any] | bytes] = {
        "a leaf of another kind": {
            "kind": "note", "v": 1, "campaign": "rural-education", "about": "correction", "text": "x",
        },
        "a count leaf of another version": COUNT | {"v": 3},
        "a count leaf of version 2 with the days of version 1": COUNT | {"v": 2},
        "a count leaf of version 1 with the days of version 2": COUNT_2 | {"v": 1},
        "a count leaf of version 2 with a negative count": COUNT_2 | {"days": [DAY_2 | {"quarantined": -1}]},
        "a version that is true": COUNT | {"v": True},
        "an extra member": COUNT | {"more": 1},
        "a missing member": {name: value for name, value in COUNT.items() if name != "days"},
        "an invalid day": COUNT | {"days": [day | {"day": "2022-02-30"}]},
        "a negative count": COUNT | {"days": [day | {"counted": -1}]},
        "a batch with its size as text": COUNT | {"batches": [[BATCH_ID, "5", root(LEAVES).hex()]]},
        "a batch of four": COUNT | {"batches": [[BATCH_ID, 5, root(LEAVES).hex(), 0]]},
        "batches by name": COUNT | {"batches": {"7": 5}},
        "a slug with a newline": COUNT | {"campaign": "rural-education\n"},
        "the batch with another size": COUNT | {"batches": [[BATCH_ID, 4, root(LEAVES).hex()]]},
        "a number too large": canonical_bytes(COUNT).replace(b'"counted":5', b'"counted":9007199254740993'),
        "a number with a fraction": canonical_bytes(COUNT).replace(b'"counted":5', b'"counted":5.0'),
        "a negative zero": canonical_bytes(COUNT).replace(b'"withdrawn":0', b'"withdrawn":-0'),
        "a duplicate member": canonical_bytes(COUNT).replace(b'"v":1', b'"v":1,"v":1'),
        "a letter written as an escape": canonical_bytes(COUNT).replace(b'"count"', b'"\\u0063ount"'),
    }  # fmt: skip
    return {name: json.dumps(receipt_with_count(count)).encode() for name, count in counts.items()}


def cases() -> list[Case]:
    """Return all cases."""
    other_key = format_verifier_key(FOREIGN.verifier_key)
    good = json.dumps(VALID_RECEIPT).encode()
    foreign = json.dumps(receipt_with_count(COUNT, FOREIGN)).encode()
    return [
        *(
            Case(name, apply_change(change), ends)
            for ends, changes in CHANGES.items()
            for name, change in changes.items()
        ),
        *(Case(name, raw, MALFORMED) for name, raw in RAW_FILES.items()),
        *(Case(name, raw, "count") for name, raw in invalid_count_receipts().items()),
        Case("a count leaf of version 2", json.dumps(receipt_with_count(COUNT_2)).encode(), HOLDS),
        Case("another log's receipt", foreign, "signature"),
        Case("another log's receipt with that log's key", foreign, HOLDS, other_key),
        Case("another log's key", good, "signature", other_key),
        Case("a duplicate member: the last counts", good.replace(b'"index": 2', b'"index": 9, "index": 2'), HOLDS),
        Case("spaces and lines", json.dumps(VALID_RECEIPT, indent=3).encode(), HOLDS),
        Case("unescaped characters", json.dumps(VALID_RECEIPT, ensure_ascii=False).encode(), HOLDS),
    ]


PIECES = (
    b"\\u2028",
    b"\\n",
    b"\xc2\x85",
    b"\xef\xbb\xbf",
    b"0",
    b"-",
    b".0",
    b"e1",
    b"[",
    b"{}",
    b"null",
    b'"',
    b"+",
    b"=",
)
PIECES += (b"\xe2\x80\x94 ", b"9007199254740993", b"\\\\", b"\\ud83d", b"\xed\xa0\x80", b"\x7f", b"true", b" ")


def mutants(number: int, seed: int) -> list[bytes]:
    """Return receipts with a random bit, byte or piece changed."""
    generator = random.Random(seed)
    originals = [case.raw for case in cases() if 0 < len(case.raw) < 5_000]
    return [_mutant(generator.choice(originals), generator) for _ in range(number)]


def _mutant(raw: bytes, generator: random.Random) -> bytes:
    position = generator.randrange(len(raw))
    match generator.randrange(4):
        case 0:
            return raw[:position] + bytes([raw[position] ^ 1 << generator.randrange(8)]) + raw[position + 1 :]
        case 1:
            return raw[:position] + generator.choice(PIECES) + raw[position:]
        case 2:
            return raw[:position] + raw[position + generator.choice([1, 2, 7]) :]
    return raw[:position] + bytes([generator.choice(b'09afAF ",:{}[]+/=')]) + raw[position + 1 :]
