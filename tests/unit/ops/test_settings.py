"""Settings: a wrong one is named with what it is for and what it must be, never with its value."""

import tomllib
from pathlib import Path

import pytest

from ops import __version__
from ops.settings import SettingsRefused, load_settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "eighty", "must be a whole number. It is: port to listen on"),
        ("PORT", "70000", "must be at most 65535. It is: port to listen on"),
        ("PORT", "-1", "must be at least 0. It is: port to listen on"),
        ("TICK_SECONDS", "0", "must be more than 0"),
        ("TICK_SECONDS", "soon", "must be a number"),
        ("ADMIN_TOKEN", "a-secret", "must have at least 32 characters"),
        ("PAYER_NAME", "x" * 141, "must have at most 140 characters"),
        ("LOG_FORMAT", "xml", "does not have the right form. It is: log lines as json or text"),
    ],
)
def test_a_wrong_setting_is_explained_in_our_words(name: str, value: str, sentence: str):
    with pytest.raises(SettingsRefused) as refused:
        load_settings({}, **{name.lower(): value})
    assert str(refused.value).startswith(f"LIKE_LEDGER_{name} {sentence}")
    assert value not in str(refused.value).removeprefix(f"LIKE_LEDGER_{name}") or value in {"0", "-1"}


def test_an_unknown_setting_is_refused_with_the_known_ones():
    with pytest.raises(SettingsRefused, match=r"^Unknown settings: LIKE_LEDGER_PROT\. Known are: .*LIKE_LEDGER_PORT"):
        load_settings({"LIKE_LEDGER_PROT": "1"})


def test_the_version_is_that_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__
