"""The log's signed head, line by line."""

import pytest

from ledger.log import checkpoint, note
from ledger.log.checkpoint import Checkpoint, MalformedCheckpoint
from ledger.log.merkle import EMPTY_ROOT

ROOT = bytes(range(32))
ROOT_LINE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
EMPTY_LINE = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
LOG = note.make_signer("log.example/likes", bytes(32))


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (Checkpoint("log.example/likes", 42, ROOT), f"log.example/likes\n42\n{ROOT_LINE}\n"),
        (Checkpoint("any origin+", 1, ROOT), f"any origin+\n1\n{ROOT_LINE}\n"),
        (Checkpoint("o", 0, EMPTY_ROOT), f"o\n0\n{EMPTY_LINE}\n"),
        (Checkpoint("o", 2**63 - 1, ROOT), f"o\n9223372036854775807\n{ROOT_LINE}\n"),
        (Checkpoint("o", 7, ROOT, ("one", "two more")), f"o\n7\n{ROOT_LINE}\none\ntwo more\n"),
    ],
)
def test_a_checkpoint_is_written_and_read(head, text):
    assert checkpoint.format_checkpoint(head) == text
    assert checkpoint.parse_checkpoint(text) == head


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "o\n7\n",
        f"o\n7\n{ROOT_LINE}",
        f"\n7\n{ROOT_LINE}\n",
        f"o\n\n{ROOT_LINE}\n",
        "o\n7\n\n",
        f"o\n7\n{ROOT_LINE}\n\n",
        f"o\n7\n{ROOT_LINE}\n\nmore\n",
        f"o\n07\n{ROOT_LINE}\n",
        f"o\n+7\n{ROOT_LINE}\n",
        f"o\n-7\n{ROOT_LINE}\n",
        f"o\n7 \n{ROOT_LINE}\n",
        f"o\n7_0\n{ROOT_LINE}\n",
        f"o\n٧\n{ROOT_LINE}\n",
        f"o\n0x7\n{ROOT_LINE}\n",
        f"o\n9223372036854775808\n{ROOT_LINE}\n",
        f"o\n{'9' * 5000}\n{ROOT_LINE}\n",
        f"o\n0\n{ROOT_LINE}\n",
        f"o\n7\n{ROOT_LINE[:-1]}\n",
        f"o\n7\n{ROOT_LINE.replace('h8=', 'h9=')}\n",
        "o\n7\nAAEC\n",
        f"o\n7\n{ROOT_LINE[:-1]}A\n",
    ],
)
def test_a_text_in_another_form_is_refused(text):
    with pytest.raises(MalformedCheckpoint):
        checkpoint.parse_checkpoint(text)


@pytest.mark.parametrize(
    "head",
    [
        Checkpoint("", 1, ROOT),
        Checkpoint("a\nb", 1, ROOT),
        Checkpoint("o", -1, ROOT),
        Checkpoint("o", 1, ROOT[:31]),
        Checkpoint("o", 1, ROOT, ("",)),
        Checkpoint("o", 1, ROOT, ("a\nb",)),
    ],
)
def test_a_checkpoint_that_could_not_be_parsed_is_not_written(head):
    with pytest.raises(MalformedCheckpoint):
        checkpoint.format_checkpoint(head)


def test_a_signed_checkpoint_opens_with_the_logs_key():
    head = Checkpoint("log.example/likes", 42, ROOT)
    assert checkpoint.open_checkpoint(checkpoint.sign_checkpoint(head, LOG), LOG.verifier_key) == head


def test_a_checkpoint_of_another_log_is_refused_though_the_key_has_signed_it():
    signed = checkpoint.sign_checkpoint(Checkpoint("log.example/other", 42, ROOT), LOG)
    with pytest.raises(MalformedCheckpoint, match=r"log\.example/other"):
        checkpoint.open_checkpoint(signed, LOG.verifier_key)


def test_a_checkpoint_that_another_key_has_signed_is_refused():
    signed = checkpoint.sign_checkpoint(Checkpoint("log.example/likes", 42, ROOT), LOG)
    stranger = note.make_signer("log.example/likes", b"\x01" * 32)
    with pytest.raises(note.UnsignedNote):
        checkpoint.open_checkpoint(signed, stranger.verifier_key)
