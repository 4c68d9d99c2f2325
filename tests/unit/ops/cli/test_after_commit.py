"""The failure of the work after a commit: one line, without addresses and secrets."""

import pytest
from pydantic import SecretStr

from ops.cli.after_commit import AfterCommitFailed, describe_error
from ops.settings import Settings

DATABASE_URL = "postgresql://clerk:s%40cret@db.example.org/likes"
SIGNING_KEY = "whsec_0123456789"
SETTINGS = Settings(database_url=SecretStr(DATABASE_URL), payout_secret=SecretStr(SIGNING_KEY))


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("no answer", "OSError: no answer"),
        ("first\n  second", "OSError: first second"),
        (f"cannot reach {DATABASE_URL}", "OSError: cannot reach ***"),
        ("the password s@cret or s%40cret is wrong", "OSError: the password *** or *** is wrong"),
        (f"signed with {SIGNING_KEY}", "OSError: signed with ***"),
        ("POST https://user:word@bank.example.org/pay failed", "OSError: POST *** failed"),
        ("x" * 1_000, f"OSError: {'x' * 291}"),
    ],
)
def test_an_error_is_one_line_without_secrets(message: str, line: str) -> None:
    assert describe_error(OSError(message), SETTINGS) == line


def test_the_password_of_the_query_is_hidden() -> None:
    settings = Settings(database_url=SecretStr("postgresql:///likes?host=/run&password=hunter2"))
    assert "hunter2" not in describe_error(OSError("password hunter2 is wrong"), settings)


def test_the_message_says_what_to_do() -> None:
    assert str(AfterCommitFailed("settlement/stl_1", TimeoutError(), SETTINGS)) == (
        "settlement/stl_1 is stored but not finished: TimeoutError. Run the command again to finish it."
    )
