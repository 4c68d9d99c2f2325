"""Canonical JSON bytes (RFC 8785), limited to values that all readers parse alike.

Numbers are integers that any JSON reader represents exactly (RFC 7493, 2.2). `rfc8785` alone would
write floats, and its errors have no path. Here each error has a JSON pointer (RFC 6901).
"""

import json
from typing import Any

import rfc8785

INTEGER_MAX = 2**53 - 1
DEPTH_MAX = 64  # of nested lists and objects


class NotCanonical(ValueError):
    """The value or bytes have no canonical form; `path` is a JSON pointer, empty for the whole."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path or 'the whole value'}: {reason}")
        self.path = path
        self.reason = reason


def canonical_bytes(value: Any) -> bytes:
    """Return the canonical bytes of objects, lists, strings, integers, booleans and null.

    Raises NotCanonical for any other value.
    """
    _refuse_value(value, "", depth=0)
    return rfc8785.dumps(value)


def parse_canonical(raw: bytes) -> Any:
    """Return the value of canonical bytes.

    Raises NotCanonical if `canonical_bytes` would write other bytes for it.
    """
    try:
        value = json.loads(raw.decode())
        rewritten = canonical_bytes(value)
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: also for integers of thousands of digits
        raise NotCanonical("", f"not JSON: {error}") from None
    if rewritten != raw:  # spaces, key order, a duplicate key, other escapes
        raise NotCanonical("", "JSON, but not in canonical form")
    return value


def _refuse_value(value: Any, path: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise NotCanonical(path, f"nested more than {DEPTH_MAX} levels deep")
    match value:
        case dict():
            for key, member in value.items():
                _refuse_key(key, path)
                _refuse_value(member, f"{path}/{_escape_token(key)}", depth + 1)
        case list() | tuple():
            for index, member in enumerate(value):
                _refuse_value(member, f"{path}/{index}", depth + 1)
        case _:
            _refuse_scalar(value, path)


def _refuse_scalar(value: Any, path: str) -> None:
    match value:
        case str():
            _refuse_text(value, path)
        case int():  # bool is an int in Python and always in range
            if abs(value) > INTEGER_MAX:
                raise NotCanonical(path, f"an integer beyond ±{INTEGER_MAX}: write it as a string")
        case None:
            pass
        case float():
            raise NotCanonical(path, f"a float ({value!r}): write an integer or a string")
        case _:
            raise NotCanonical(path, f"{type(value).__name__} cannot be written as JSON")


def _refuse_key(key: Any, path: str) -> None:
    if not isinstance(key, str):
        raise NotCanonical(path, f"a key is not a string: {key!r}")
    _refuse_text(key, path)


def _refuse_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotCanonical(path, "a lone surrogate cannot be encoded as UTF-8") from None


def _escape_token(key: str) -> str:
    """Return a key with tilde and slash escaped (RFC 6901, 3)."""
    return key.replace("~", "~0").replace("/", "~1")
