"""Refusals as JSON text, for rows that record why something failed.

A row stores the code and its values; the edge that shows the row chooses the language.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from typing_extensions import TypedDict

from campaigns.errors import FieldError, ValidationFailed
from ledger.errors import Param, Refusal

_TOO_LONG = '{"code": "refusal_too_long", "params": {}, "field_errors": []}'
_FIELD_ERRORS_MAX = 20
_VALUE_CHARS_STEPS = (100_000, 60, 12)  # values are cut only as far as the bound demands


class FieldErrorObject(TypedDict):
    """The error of one field of the input."""

    path: str
    code: str
    params: dict[str, Any]


class RefusalObject(TypedDict):
    """A refusal as JSON: its code, its values, and the errors of single fields."""

    code: str
    params: dict[str, Any]
    field_errors: list[FieldErrorObject]


def encode_refusal(refusal: Refusal, chars_max: int) -> str:
    """Return a refusal as JSON text of at most `chars_max` characters. Pure.

    If it is longer, long values are cut, then field errors are left out.
    """
    texts = (json.dumps(shorter, ensure_ascii=False) for shorter in _shorten(refusal))
    return next((text for text in texts if len(text) <= chars_max), _TOO_LONG)


def _shorten(refusal: Refusal) -> Iterator[RefusalObject]:
    """Yield a refusal in full, then in shorter and shorter forms."""
    for value_chars in _VALUE_CHARS_STEPS:
        yield refusal_object(refusal, value_chars)
    shortest = refusal_object(refusal, _VALUE_CHARS_STEPS[-1])
    errors = shortest["field_errors"]
    for count in range(len(errors) - 1, -1, -1):
        yield {**shortest, "field_errors": errors[:count]}


def refusal_object(refusal: Refusal, value_chars: int = _VALUE_CHARS_STEPS[0]) -> RefusalObject:
    """Return a refusal as a JSON object, text values cut to `value_chars` characters. Pure."""
    errors = refusal.field_errors[:_FIELD_ERRORS_MAX] if isinstance(refusal, ValidationFailed) else ()
    return {
        "code": refusal.code,
        "params": _encode_params(refusal.params, value_chars),
        "field_errors": [
            {
                "path": error.path[:value_chars],
                "code": error.code,
                "params": _encode_params(error.params, value_chars),
            }
            for error in errors
        ],
    }


def _encode_params(params: Mapping[str, Param], value_chars: int) -> dict[str, Any]:
    return {name: _encode_value(value, value_chars) for name, value in params.items()}


def _encode_value(value: Param, value_chars: int) -> Any:
    match value:
        case Refusal():
            return {"code": value.code, "params": _encode_params(value.params, value_chars)}
        case date():
            return value.isoformat()
        case str():
            return value if len(value) <= value_chars else value[: value_chars - 1] + "…"
        case Sequence():
            return [_encode_value(part, value_chars) for part in value]
    return value


def decode_refusal(text: str) -> Refusal | None:
    """Return the refusal that JSON text holds; None if it is a sentence, as old releases stored.

    Pure.
    """
    try:
        stored = json.loads(text)
    except ValueError:
        return None
    return parse_refusal(stored) if isinstance(stored, dict) and "code" in stored else None


def parse_refusal(stored: Mapping[str, Any]) -> Refusal:
    """Return the refusal of a JSON object made by `refusal_object`. Pure."""
    if errors := stored["field_errors"]:
        return ValidationFailed(
            [FieldError(error["path"], error["code"], _decode_params(error["params"])) for error in errors]
        )
    return Refusal(stored["code"], **_decode_params(stored["params"]))


def _decode_params(params: Mapping[str, Any]) -> dict[str, Param]:
    return {name: _decode_value(value) for name, value in params.items()}


def _decode_value(value: Any) -> Param:
    if isinstance(value, dict):
        return Refusal(value["code"], **_decode_params(value["params"]))
    decoded: Param = value
    return decoded
