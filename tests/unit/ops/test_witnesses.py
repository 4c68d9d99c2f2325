"""Who cosigns, as the environment says it."""

import pytest

from ledger.log.cosignature import format_witness_key
from ops.settings import Settings, SettingsRefused
from ops.witnesses import WITNESSES_MAX, load_witnesses
from witness import Witness

ONE, TWO = (
    Witness("", url="https://one.example/w"),
    Witness("", "witness.example/w2", b"v" * 32, url="http://[::1]:80"),
)


def named(text: str | None) -> list[tuple[str, str]]:
    return [(format_witness_key(w.key), w.url) for w in load_witnesses(Settings(log_witnesses=text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, []),
        ("", []),
        (" \n , ", []),
        (ONE.setting, [ONE]),
        (f"{ONE.setting},{TWO.setting}", [ONE, TWO]),
        (f"\n  {ONE.vkey}   {ONE.url} ,\n{TWO.setting}\n", [ONE, TWO]),
    ],
)
def test_each_is_a_key_and_an_address(text: str | None, found: list[Witness]):
    assert named(text) == [(one.vkey, one.url) for one in found]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ONE.vkey, "a verifier key and an address"),
        (f"{ONE.setting} more", "a verifier key and an address"),
        (f"{ONE.setting} {TWO.setting}", "a verifier key and an address"),
        (f"{ONE.vkey} one.example/w", "is no address"),
        (f"{ONE.vkey} ftp://one.example", "is no address"),
        (f"{ONE.vkey} https://", "is no address"),
        (f"{ONE.vkey} https://one.example/?a=b", "is no address"),
        (f"{ONE.vkey} https://me@one.example/", "is no address"),
        (f"{ONE.vkey} https://one.example:99999/", "is no address"),
        (f"{ONE.vkey} https://[one.example/", "is no address"),
        (f"x{ONE.setting}", "the key's id is"),
        (f"{ONE.setting},{ONE.vkey} https://other.example", "have the same name"),
        (f"{ONE.setting},{Witness('', 'b.example', url='https://b.example').setting}", "have the same key"),
        (",".join([ONE.setting] * (WITNESSES_MAX + 1)), "are the most"),
    ],
)
def test_what_cannot_be_is_refused_by_name(text: str, says: str):
    with pytest.raises(SettingsRefused, match=says) as refused:
        named(text)
    assert str(refused.value).startswith("LIKE_LEDGER_LOG_WITNESSES: ")
