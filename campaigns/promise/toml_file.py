"""A promise as a TOML file (toml.io, v1.0.0): parse it, or name every error in it."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from campaigns.errors import FieldError, PromiseRefused
from campaigns.promise.bank_account import ACCOUNT_KINDS
from campaigns.promise.model import Promise
from ledger.errors import Param

FILE_BYTES_MAX = 256 * 1024
_ERRORS_MAX = 1_000  # to list many more would stop the service for a second
_ROOT_PATH = "promise"  # the path of an error that concerns the whole promise
_PYDANTIC_CODES = frozenset(get_args(ErrorType))
_PARAM_NAMES = frozenset({"pattern", "ge", "le", "gt", "lt", "max_length", "min_length", "expected"})
_ERROR_POSITION = re.compile(r" \(at (line \d+, column \d+|end of document)\)$")


def parse_promise(file: bytes) -> Promise:
    """Return the promise in the file. Pure.

    Raises PromiseRefused with every error; the file is accepted whole or not at all.
    """
    try:
        return Promise.model_validate(parse_toml(file))
    except ValidationError as error:
        raise PromiseRefused(field_errors(error)) from None


def parse_toml(file: bytes, root_path: str = _ROOT_PATH) -> dict[str, Any]:
    """Return the tables of a TOML file. Pure.

    `root_path` is the path of an error that concerns the whole file. Raises PromiseRefused if the
    file is too large, not UTF-8 or not TOML.
    """
    if len(file) > FILE_BYTES_MAX:
        size = {"file_bytes": len(file), "most_bytes": FILE_BYTES_MAX}
        raise PromiseRefused([FieldError(root_path, "file_too_large", size)])
    try:
        return tomllib.loads(file.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = file.count(b"\n", 0, error.start) + 1
        raise PromiseRefused([FieldError(f"line {line}", "file_not_utf8")]) from None
    except RecursionError:
        raise PromiseRefused([FieldError(root_path, "toml_nested_too_deeply")]) from None
    except ValueError as error:  # a number of thousands of digits is no TOMLDecodeError
        raise PromiseRefused([_syntax_error(str(error), root_path)]) from None


def _syntax_error(message: str, root_path: str) -> FieldError:
    position = _ERROR_POSITION.search(message)
    path, detail = (position[1], message[: position.start()]) if position else (root_path, message)
    return FieldError(path, "toml_invalid", {"detail": detail})


def field_errors(error: ValidationError, root_path: str = _ROOT_PATH) -> list[FieldError]:
    """Return every error of a promise, or of a request that contains one. Pure.

    `root_path` is the path of an error that concerns the whole input.
    """
    if error.error_count() > _ERRORS_MAX:
        return [FieldError(root_path, "too_many_errors", {"max_number": _ERRORS_MAX})]
    errors = error.errors(include_url=False, include_input=False)
    return [_field_error(details, root_path) for details in errors]


def _field_error(error: ErrorDetails, root_path: str) -> FieldError:
    path = _path(error["loc"]) or root_path
    return FieldError(path, error["type"], _params(error["type"], error.get("ctx", {})))


def _params(code: str, context: Mapping[str, Any]) -> dict[str, Param]:
    """Return the context of a pydantic error as the values of a refusal.

    The context of pydantic's errors may repeat the input or name classes: only bounds and choices are kept.
    """
    if code not in _PYDANTIC_CODES:
        return dict(context)  # of `invalid_value`
    return {name: _param(name, value) for name, value in context.items() if name in _PARAM_NAMES}


def _param(name: str, value: Any) -> Param:
    if name == "expected":
        return _parse_choices(str(value))
    return value if isinstance(value, int | date) else str(value)


def _parse_choices(expected: str) -> list[str]:
    """Return the choices in pydantic's list of them: `'a', 'b' or 'c'`. Pure."""
    return [choice.strip("'") for choice in re.split(r", | or ", expected)]


def _path(location: tuple[int | str, ...]) -> str:
    """Return the dotted path in the file.

    Pydantic puts the kind of account after `account`: leave it out.
    """
    parts = [str(part) for part in location]
    kinds = {n + 1 for n, part in enumerate(parts[:-1]) if part == "account" and parts[n + 1] in ACCOUNT_KINDS}
    return ".".join(part for n, part in enumerate(parts) if n not in kinds)
