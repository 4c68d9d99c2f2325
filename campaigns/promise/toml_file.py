"""A promise as a file: TOML (toml.io, v1.0.0) in, the promise out, or everything that is wrong with it."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from campaigns.errors import FieldError, PromiseRefused
from campaigns.promise.model import ACCOUNT_KINDS, Promise
from ledger.errors import Param

FILE_BYTES_MAX = 256 * 1024
_ROOT_PATH = "promise"  # the path of what concerns all of it
_ERROR_POSITION = re.compile(r" \(at (line \d+, column \d+|end of document)\)$")


def parse_promise(file: bytes) -> Promise:
    """Return the promise that the file makes. PromiseRefused names every fault: none of the file is used then."""
    try:
        return Promise.model_validate(_parse_toml(file))
    except ValidationError as error:
        raise PromiseRefused(field_errors(error)) from None


def _parse_toml(file: bytes) -> dict[str, Any]:
    if len(file) > FILE_BYTES_MAX:
        raise PromiseRefused(
            [FieldError(_ROOT_PATH, f"the file has {len(file)} bytes, at most {FILE_BYTES_MAX} are read")]
        )
    try:
        return tomllib.loads(file.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = file.count(b"\n", 0, error.start) + 1
        raise PromiseRefused([FieldError(f"line {line}", "the file is not UTF-8")]) from None
    except RecursionError:
        raise PromiseRefused([FieldError(_ROOT_PATH, "tables or arrays are nested too deeply")]) from None
    except ValueError as error:  # a number of thousands of digits is one that is no TOMLDecodeError
        raise PromiseRefused([_syntax_error(str(error))]) from None


def _syntax_error(message: str) -> FieldError:
    place = _ERROR_POSITION.search(message)
    return FieldError(place[1], message[: place.start()]) if place else FieldError(_ROOT_PATH, message)


def field_errors(error: ValidationError, root_path: str = _ROOT_PATH) -> list[FieldError]:
    """Return every fault of a promise, or of a request that holds one; `whole` is the path of what concerns all."""
    errors = error.errors(include_url=False, include_input=False)
    return [_field_error(each, root_path) for each in errors]


def _field_error(error: ErrorDetails, root_path: str) -> FieldError:
    path = _path(error["loc"]) or root_path
    if error["type"] == "value_error":  # a validator that says its reason in a sentence
        return FieldError(path, error["msg"].removeprefix("Value error, "))
    return FieldError(path, error["type"], _params(error.get("ctx", {})))


def _params(context: Mapping[str, Any]) -> dict[str, Param]:
    """Return what pydantic tells of an error, as values of a refusal."""
    return {name: value if isinstance(value, int | date) else str(value) for name, value in context.items()}


def _path(location: tuple[int | str, ...]) -> str:
    """Return the dotted path in the file: without the kind of account, which pydantic puts after `account`."""
    parts = [str(place) for place in location]
    kinds = {n + 1 for n, place in enumerate(parts[:-1]) if place == "account" and parts[n + 1] in ACCOUNT_KINDS}
    return ".".join(part for n, part in enumerate(parts) if n not in kinds)
