"""The witnesses in the settings."""

import pytest

from ledger.log.cosignature import format_witness_key
from ops.settings import Settings, SettingsRefused
from ops.witnesses import WITNESSES_MAX, load_witnesses
from witness import Witness

ONE, TWO = (
    Witness("", url="https://one.example/w"),
    Witness("", "witness.example/w2", b"v" * 32, url="http://[::1]:80"),
)


def load_pairs(text: str | None) -> list[tuple[str, str]]:
    return [(format_witness_key(w.key), w.url) for w in load_witnesses(Settings(log_witnesses=text))]


@pytest.mark.parametrize(
    ("text", "witnesses"),
    [
        (None, []),
        ("", []),
        (" \n , ", []),
        (ONE.setting, [ONE]),
        (f"{ONE.setting},{TWO.setting}", [ONE, TWO]),
        (f"\n  {ONE.vkey}   {ONE.url} ,\n{TWO.setting}\n", [ONE, TWO]),
    ],
)
def test_an_entry_is_a_key_and_an_address(text: str | None, witnesses: list[Witness]):
    assert load_pairs(text) == [(witness.vkey, witness.url) for witness in witnesses]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ONE.vkey, "a verifier key and an address"),
        (f"{ONE.setting} more", "a verifier key and an address"),
        (f"{ONE.setting} {TWO.setting}", "a verifier key and an address"),
        (f"{ONE.vkey} one.example/w", "is not a base address"),
        (f"{ONE.vkey} ftp://one.example", "is not a base address"),
        (f"{ONE.vkey} https://", "is not a base address"),
        (f"{ONE.vkey} https://one.example/?a=b", "is not a base address"),
        (f"{ONE.vkey} https://me@one.example/", "is not a base address"),
        (f"{ONE.vkey} https://one.example:99999/", "is not a base address"),
        (f"{ONE.vkey} https://[one.example/", "is not a base address"),
        (f"x{ONE.setting}", "the key's id must be"),
        (f"{ONE.setting},{ONE.vkey} https://other.example", "have the same name"),
        (f"{ONE.setting},{Witness('', 'b.example', url='https://b.example').setting}", "have the same key"),
        (",".join([ONE.setting] * (WITNESSES_MAX + 1)), "at most 15 are allowed"),
    ],
)
def test_a_malformed_entry_is_refused_with_the_settings_name(text: str, message: str):
    with pytest.raises(SettingsRefused, match=message) as refused:
        load_pairs(text)
    assert str(refused.value).startswith("LIKE_LEDGER_LOG_WITNESSES: ")
