"""Signed notes with RFC 8032's test keys; ids and signatures come from OpenSSL and sha256sum."""

import pytest

from ledger.log import note
from ledger.log.note import MalformedKey, MalformedNote, Note, Signature, UnsignedNote

TEXT = "log.example/likes\n3\nrra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=\n"
LOG_LINE = (
    "— log.example/likes "
    "sDSp9zZizNqcYhHEtnV3pxZwbL2ur3Hx2BU8Q21k2yX5G7xc4epey9fuiBnfMddSLY5mpNUjaJ1nD6/YqOnO6ICYsQ4=\n"
)
WITNESS_LINE = (
    "— witness.example/w1 "
    "0xiJVcvEwu8qJwOUHouYpGVmlVO/nU7gBIdHGqOobPk0bH9v5WsyWLFoKOBVI8cJgoBK9lkilvhTe7TaRd0ABBwRAAU=\n"
)
LOG_VKEY = "log.example/likes+b034a9f7+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
WITNESS_VKEY = "witness.example/w1+d3188955+AT1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"
LOG = note.make_signer(  # RFC 8032, 7.1, test 1
    "log.example/likes", bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)
WITNESS = note.make_signer(  # RFC 8032, 7.1, test 2
    "witness.example/w1", bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
)
SIGNED = (TEXT + "\n" + LOG_LINE).encode()
COSIGNED = (TEXT + "\n" + LOG_LINE + WITNESS_LINE).encode()


@pytest.mark.parametrize(("signer", "vkey"), [(LOG, LOG_VKEY), (WITNESS, WITNESS_VKEY)])
def test_a_verifier_key_is_written_and_read(signer, vkey):
    assert note.format_verifier_key(signer.verifier_key) == vkey
    assert note.parse_verifier_key(vkey) == signer.verifier_key


def test_no_part_of_a_verifier_key_is_accepted():
    pieces = {LOG_VKEY[i:j] for i in range(len(LOG_VKEY)) for j in range(i, len(LOG_VKEY) + 1)} - {LOG_VKEY}
    for piece in pieces:
        with pytest.raises(MalformedKey):
            note.parse_verifier_key(piece)


@pytest.mark.parametrize("at", range(len(LOG_VKEY)))
def test_a_verifier_key_with_one_character_changed_is_refused(at):
    changed = LOG_VKEY[:at] + chr(ord(LOG_VKEY[at]) + 1) + LOG_VKEY[at + 1 :]
    with pytest.raises(MalformedKey):
        note.parse_verifier_key(changed)


@pytest.mark.parametrize(
    "vkey",
    [
        LOG_VKEY + "\n",
        LOG_VKEY + "+",
        LOG_VKEY.replace("b034a9f7", "B034A9F7"),
        LOG_VKEY.replace("b034a9f7", "0b034a9f7"),
        "log.example/likes+b034a9f7+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1EaAAAA",
        "log.example/likes+b034a9f7+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
        "log.example/likes+b034a9f7+é",
        "log example+b034a9f7+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
    ],
)
def test_a_verifier_key_in_another_form_is_refused(vkey):
    with pytest.raises(MalformedKey):
        note.parse_verifier_key(vkey)


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\u00a0b", "a\u3000b", "a\u2028b", "a\x85b", "a\nb", "a\tb", "\ud800"]
)
def test_an_invalid_key_name_is_refused(name):
    with pytest.raises(MalformedKey):
        note.make_signer(name, bytes(32))


def test_signing_gives_the_bytes_that_openssl_signs():
    assert note.format_note(note.sign_note(Note(TEXT), LOG)) == SIGNED


def test_a_note_opens_with_its_key():
    opened = note.open_note(SIGNED, [LOG.verifier_key])
    assert opened.text == TEXT
    assert [signature.name for signature in opened.verified_signatures] == ["log.example/likes"]
    assert opened.unknown_signatures == ()


def test_a_cosignature_is_appended_and_nothing_is_lost():
    assert note.format_note(note.sign_note(note.parse_note(SIGNED), WITNESS)) == COSIGNED


def test_signing_twice_leaves_one_signature():
    twice = note.sign_note(note.sign_note(Note(TEXT), LOG), LOG)
    assert len(twice.signatures) == 1


def test_the_same_signature_twice_is_one_signer():
    assert len(note.open_note(SIGNED + LOG_LINE.encode(), [LOG.verifier_key]).verified_signatures) == 1


@pytest.mark.parametrize(
    ("keys", "verified", "unknown"),
    [
        ([LOG], ["log.example/likes"], ["witness.example/w1"]),
        ([WITNESS], ["witness.example/w1"], ["log.example/likes"]),
        ([WITNESS, LOG], ["log.example/likes", "witness.example/w1"], []),
    ],
)
def test_signatures_of_unknown_keys_are_preserved_unverified(keys, verified, unknown):
    opened = note.open_note(COSIGNED, [signer.verifier_key for signer in keys])
    assert [signature.name for signature in opened.verified_signatures] == verified
    assert [signature.name for signature in opened.unknown_signatures] == unknown


def test_a_key_of_the_same_name_is_another_key():
    namesake = note.make_signer("log.example/likes", bytes(32))
    with pytest.raises(UnsignedNote):
        note.open_note(SIGNED, [namesake.verifier_key])


def test_a_note_without_a_known_signature_does_not_open():
    with pytest.raises(UnsignedNote):
        note.open_note(SIGNED, [WITNESS.verifier_key])
    with pytest.raises(UnsignedNote):
        note.open_note(SIGNED, [])


@pytest.mark.parametrize("at", range(len(SIGNED)))
def test_any_flipped_bit_in_a_note_is_detected(at):
    flipped = SIGNED[:at] + bytes([SIGNED[at] ^ 1]) + SIGNED[at + 1 :]
    with pytest.raises(note.NoteError):
        note.open_note(flipped, [LOG.verifier_key])


def test_one_invalid_signature_of_a_known_key_invalidates_the_note():
    false = Signature(WITNESS.name, WITNESS.verifier_key.key_id, bytes(64))
    raw = note.format_note(note.sign_note(Note(TEXT, (false,)), LOG))
    assert note.open_note(raw, [LOG.verifier_key]).unknown_signatures == (false,)
    with pytest.raises(UnsignedNote):
        note.open_note(raw, [LOG.verifier_key, WITNESS.verifier_key])


@pytest.mark.parametrize("size", [1, 63, 65, 200])
def test_a_signature_of_another_length_is_invalid(size):
    odd = Signature(LOG.name, LOG.verifier_key.key_id, b"s" * size)
    with pytest.raises(UnsignedNote):
        note.open_note(note.format_note(Note(TEXT, (odd,))), [LOG.verifier_key])


@pytest.mark.parametrize(
    "text",
    [
        "one line\n",
        "two\n\nwith an empty line\n",
        "\n",
        "a\n\n\nb\n",
        "点赞捐账本\n",
        "\x7f\n",
        "— no signature\n\nend\n",
    ],
)
def test_any_text_that_ends_in_a_newline_can_be_signed(text):
    raw = note.format_note(note.sign_note(Note(text), LOG))
    assert note.open_note(raw, [LOG.verifier_key]).text == text


@pytest.mark.parametrize("text", ["", "no newline", "a tab\t\n", "a return\r\n", "nul\x00\n"])
def test_a_text_that_cannot_be_a_note_is_refused(text):
    with pytest.raises(MalformedNote):
        note.format_note(note.sign_note(Note(text), LOG))


def test_a_note_needs_a_signature():
    with pytest.raises(MalformedNote):
        note.format_note(Note(TEXT))


LINE = LOG_LINE.encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        b"text\n" + LINE,
        b"text\n\n" + LINE[:-1],
        b"text\n\n" + LINE + b"\n",
        b"text\n\n" + LINE + b"more\n",
        b"text\n\n" + LINE.replace(b"\n", b"\r\n"),
        b"text\x01\n\n" + LINE,
        b"te\xffxt\n\n" + LINE,
        b"text\n\n" + LINE.replace("—".encode(), b"-"),
        b"text\n\n" + LINE.replace("— ".encode(), "—".encode()),
        b"text\n\n" + LINE.replace(b"likes ", b"likes  "),
        b"text\n\n" + LINE.replace(b"log.example", b"log+example"),
        b"text\n\n" + LINE.replace(b"log.example/likes", b""),
        b"text\n\n" + LINE.replace(b"Q4=", b"Q4"),
        b"text\n\n" + LINE.replace(b"Q4=", b"Q5="),  # the same bytes, another spelling
        b"text\n\n" + LINE.replace(b"sDSp", b"sD-p"),
        "text\n\n— log.example/likes sDSp9w==\n".encode(),  # an id and no signature
        b"text\n\n" + LINE * 101,
        b"t" * (1 << 20) + b"\n\n" + LINE,
    ],
)
def test_bytes_that_are_not_a_note_are_refused(raw):
    with pytest.raises(MalformedNote):
        note.parse_note(raw)


def test_a_hundred_signatures_are_parsed():
    assert len(note.parse_note(b"text\n\n" + LINE * 100).signatures) == 100
