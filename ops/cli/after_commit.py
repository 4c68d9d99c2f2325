"""The failure of a command's work after its commit, in one line that contains no secret."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from ops.settings import Settings

_ERROR_CHARS_MAX, _REFUSAL_CHARS_MAX = 300, 1000
_HIDDEN = "***"
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)  # an address may contain credentials


class AfterCommitFailed(Exception):
    """The command is stored, but its call to another service failed.

    The message says so in one line. The same command finishes the work.
    """

    def __init__(self, subject: str, error: Exception, settings: "Settings") -> None:
        reason = describe_error(error, settings)
        super().__init__(f"{subject} is stored but not finished: {reason}. Run the command again to finish it.")


def describe_error(error: Exception, settings: "Settings") -> str:
    """Return an error's type and message, or a refusal's sentence, in one line without secrets. Pure."""
    from ledger.errors import Refusal
    from ops.i18n.refusals import refusal_text

    is_refusal = isinstance(error, Refusal)
    text = refusal_text(error, "en") if isinstance(error, Refusal) else f"{type(error).__name__}: {error}"
    text = " ".join(text.split())
    for secret in sorted(_secrets(settings), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return _URL.sub(_HIDDEN, text)[: _REFUSAL_CHARS_MAX if is_refusal else _ERROR_CHARS_MAX].rstrip(" .:")


def _secrets(settings: "Settings") -> Iterator[str]:
    """Yield every secret of the settings, and the password within the address of the database."""
    from pydantic import SecretStr

    for _, value in settings:
        if isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()
    if settings.database_url is not None:
        yield from filter(None, _passwords(settings.database_url.get_secret_value()))


def _passwords(url: str) -> Iterator[str]:
    """Yield the password of an address of PostgreSQL, as written and decoded."""
    parts = urlsplit(url)
    encoded = parts.password or ""
    yield from (encoded, unquote(encoded))
    yield from (value for name, value in parse_qsl(parts.query) if name == "password")
