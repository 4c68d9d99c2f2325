"""The one way to write a JSON value as bytes: RFC 8785, narrowed to what every reader reads alike.

Numbers are integers that any JSON reader holds exactly (RFC 7493, 2.2). `rfc8785` itself would write floats, and its
refusals do not say where the fault is: here each one names its place as a JSON pointer (RFC 6901).
"""

import json
from typing import Any

import rfc8785

INTEGER_MAX = 2**53 - 1
DEPTH_MAX = 64  # of lists and objects within each other


class NotCanonical(ValueError):
    """A value, or bytes, that have no canonical form; `path` is a JSON pointer, empty for the whole."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path or 'the whole value'}: {reason}")
        self.path = path
        self.reason = reason


def canonical_bytes(value: Any) -> bytes:
    """Return the canonical bytes of objects, lists, strings, integers, booleans and null. NotCanonical otherwise."""
    _refuse_value(value, "", depth=0)
    return rfc8785.dumps(value)


def parse_canonical(raw: bytes) -> Any:
    """Return the value of bytes that are its canonical form. NotCanonical if `canonical_bytes` would write others."""
    try:
        value = json.loads(raw.decode())
        again = canonical_bytes(value)
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as fault:  # also an integer of thousands of digits
        raise NotCanonical("", f"not JSON: {fault}") from None
    if again != raw:  # spaces, another order, a key twice, another spelling
        raise NotCanonical("", "JSON, but not in its canonical form")
    return value


def _refuse_value(value: Any, path: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise NotCanonical(path, f"more than {DEPTH_MAX} levels deep")
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
        case int():  # true and false are integers to Python, and small ones
            if abs(value) > INTEGER_MAX:
                raise NotCanonical(path, f"an integer beyond ±{INTEGER_MAX}: write it as a string")
        case None:
            pass
        case float():
            raise NotCanonical(path, f"a float ({value!r}): write an integer or a string")
        case _:
            raise NotCanonical(path, f"{type(value).__name__} has no form in JSON")


def _refuse_key(key: Any, path: str) -> None:
    if not isinstance(key, str):
        raise NotCanonical(path, f"a key that is no string: {key!r}")
    _refuse_text(key, path)


def _refuse_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotCanonical(path, "a lone surrogate: no UTF-8 can hold it") from None


def _escape_token(key: str) -> str:
    """RFC 6901, 3: a key's tilde and slash are escaped."""
    return key.replace("~", "~0").replace("/", "~1")
