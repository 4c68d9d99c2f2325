"""Cosignatures with RFC 8032's second test key; expected bytes come from OpenSSL and sha256sum."""

import pytest

from ledger.log import note
from ledger.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.log.cosignature import (
    COSIGNATURE_BYTES,
    InvalidCosignature,
    Quorum,
    WitnessKey,
    cosign,
    format_witness_key,
    missing_witnesses,
    parse_witness_key,
    verify_cosignatures,
)
from ledger.log.note import MalformedKey, Note, Signature, format_signature, parse_note

TEXT = "log.example/likes\n3\nrra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=\n"
TIME = 1_679_315_147
VKEY = "witness.example/w1+04d2d833+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"
LINE = (
    "— witness.example/w1 BNLYMwAAAABkGFDL3j4aiC4J8FAGK+dQdp1J/hMQfl30sm7rIw/GfAb5Xw6vl7a4rSk1b9OzG47YetwK"
    "+D7v32gPacm1OkJQEokDBg==\n"
)
SIGNER = note.make_signer(
    "witness.example/w1", bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
)
KEY = parse_witness_key(VKEY)
OTHER = note.make_signer("witness.example/w2", bytes(32))
OTHER_KEY = WitnessKey(OTHER.name, OTHER.verifier_key.public_key)
LOG = note.make_signer("log.example/likes", bytes(32))


def test_a_cosignature_is_written_byte_for_byte_as_openssl_makes_it():
    assert format_signature(cosign(TEXT, SIGNER, TIME)) == LINE
    assert format_witness_key(KEY) == VKEY
    assert WitnessKey(SIGNER.name, SIGNER.verifier_key.public_key) == KEY


def test_it_is_selected_among_other_signatures():
    head = Checkpoint("log.example/likes", 3, b"r" * 32)
    signed = sign_checkpoint(head, LOG)
    text = parse_note(signed).text
    lines = [cosign(text, OTHER, 1), cosign(text, SIGNER, TIME), cosign(text, SIGNER, TIME + 1)]
    raw = signed + "".join(map(format_signature, lines)).encode()
    assert open_checkpoint(raw, LOG.verifier_key) == head  # readers without witness keys can open it
    [cosignature] = verify_cosignatures(parse_note(raw), [KEY])
    assert (cosignature.witness, cosignature.timestamp, cosignature.signature) == (KEY, TIME, lines[1])
    assert [verified.witness for verified in verify_cosignatures(parse_note(raw), [KEY, OTHER_KEY])] == [
        OTHER_KEY,
        KEY,
    ]
    assert verify_cosignatures(parse_note(raw), []) == []


def make_note(signature: Signature, text: str = TEXT) -> Note:
    return Note(text, (signature,))


TRUE = cosign(TEXT, SIGNER, TIME)


@pytest.mark.parametrize("at", range(0, COSIGNATURE_BYTES, 7))
def test_any_changed_byte_is_detected(at: int):
    changed = bytearray(TRUE.signature)
    changed[at] ^= 1
    with pytest.raises(InvalidCosignature):
        verify_cosignatures(make_note(TRUE._replace(signature=bytes(changed))), [KEY])


@pytest.mark.parametrize(
    "note_with_it",
    [
        make_note(TRUE, TEXT.replace("3", "4")),
        make_note(TRUE, TEXT + "extension\n"),
        make_note(TRUE._replace(signature=TRUE.signature[:-1])),
        make_note(TRUE._replace(signature=TRUE.signature + b"\0")),
        make_note(TRUE._replace(signature=b"\xff" * 8 + TRUE.signature[8:])),
        make_note(
            TRUE._replace(signature=SIGNER.private_key.sign(TEXT.encode()))
        ),  # a note's signature is not a cosignature
        make_note(TRUE._replace(signature=bytes(8) + SIGNER.private_key.sign(TEXT.encode()))),
    ],
)
def test_a_cosignature_the_witness_did_not_make_is_refused(note_with_it: Note):
    with pytest.raises(InvalidCosignature, match=r"the cosignature of 'witness\.example/w1'"):
        verify_cosignatures(note_with_it, [KEY])


@pytest.mark.parametrize(
    "vkey",
    [
        note.format_verifier_key(SIGNER.verifier_key),  # the same key as a log's
        VKEY.replace("04d2d833", "d3188955"),
        VKEY.replace("w1", "w2"),
        VKEY[:-4],
        "",
    ],
)
def test_a_key_of_another_type_is_refused(vkey: str):
    with pytest.raises(MalformedKey):
        parse_witness_key(vkey)


def test_a_witness_key_is_not_accepted_as_a_log_key():
    with pytest.raises(MalformedKey):
        note.parse_verifier_key(VKEY)


def test_a_quorum_is_reached_by_different_witnesses():
    cosignatures = verify_cosignatures(Note(TEXT, (TRUE, cosign(TEXT, SIGNER, TIME + 1))), [KEY, OTHER_KEY])
    for needed, missing in ((0, []), (1, []), (2, [OTHER_KEY])):
        assert missing_witnesses(Quorum((KEY, OTHER_KEY), needed), cosignatures) == missing
    assert missing_witnesses(Quorum((KEY, OTHER_KEY), 1), []) == [KEY, OTHER_KEY]
