"""Hostile text in signed notes: it is refused, or stays one line and round-trips exactly."""

import pytest

from hostile_texts import CONTROL_CHARACTER_TEXTS, ONE_LINE_TEXTS
from ledger.log.checkpoint import Checkpoint, MalformedCheckpoint, open_checkpoint, sign_checkpoint
from ledger.log.merkle import HASH_BYTES
from ledger.log.note import MalformedKey, NoteError, VerifierKey, format_verifier_key, make_signer, parse_verifier_key

SIGNER = make_signer("ledger.example.org/log", b"l" * 32)
ROOT = bytes(HASH_BYTES)
TEXTS = (
    CONTROL_CHARACTER_TEXTS
    | ONE_LINE_TEXTS
    | {"a lone surrogate": "\ud800", "nothing": "", "an empty line": "a\n\nb"}
)
LINES = 4 + 1 + 1  # origin, size, root, the text, an empty one, the signature


@pytest.mark.parametrize("name", TEXTS)
def test_a_line_of_a_checkpoint_stays_a_line(name: str) -> None:
    checkpoint = Checkpoint(SIGNER.name, 7, ROOT, (TEXTS[name],))
    try:
        signed = sign_checkpoint(checkpoint, SIGNER)
    except (NoteError, MalformedCheckpoint, UnicodeEncodeError):
        assert name not in ONE_LINE_TEXTS
        return
    assert (signed.count(b"\n"), signed.endswith(b"\n")) == (LINES, True)
    assert open_checkpoint(signed, SIGNER.verifier_key) == checkpoint


@pytest.mark.parametrize("name", TEXTS)
def test_an_origin_is_refused_or_one_line(name: str) -> None:
    try:
        signer = make_signer(TEXTS[name], b"l" * 32)
    except MalformedKey:
        return
    assert name not in {"a newline", "a null", "a line separator", "a next line", "a signature line", "an empty line"}
    signed = sign_checkpoint(Checkpoint(signer.name, 7, ROOT), signer)
    assert signed.count(b"\n") == LINES - 1
    key = parse_verifier_key(format_verifier_key(signer.verifier_key))
    assert open_checkpoint(signed, key).origin == TEXTS[name]


def test_a_text_cannot_contain_a_signature() -> None:
    """A signature line cannot move into the text, nor a text line into the signatures."""
    signed = sign_checkpoint(Checkpoint(SIGNER.name, 7, ROOT), SIGNER).decode()
    text, signature = signed.split("\n\n")
    moved = f"{text}\n{signature.rstrip()}\n\n{signature}"
    with pytest.raises(NoteError):
        open_checkpoint(moved.encode(), SIGNER.verifier_key)
    namesake = VerifierKey(SIGNER.name, make_signer(SIGNER.name, b"n" * 32).verifier_key.public_key)
    with pytest.raises(NoteError):
        open_checkpoint(signed.encode(), namesake)
