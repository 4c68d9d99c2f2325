"""Refusals of the registers, promises and budgets: a code with typed values.

    RequestRefused
    ├── ValidationFailed    the input is wrong: a path and a code for each error
    │   └── PromiseRefused  the promise is not valid, or does not fit the promise in force
    ├── NotFound            no campaign, platform, charity, sponsor or upload has that name
    ├── CampaignClosed      the campaign accepts nothing more
    ├── FundingRefused      the amount or its reference is not accepted
    ├── UnknownPeriod       the campaign has no such settlement period
    ├── EnrolmentRefused    the content belongs to another campaign, or is not valid
    ├── TokenRefused        the token is another person's, or its role does not allow this
    ├── PlatformRefused     the platform or its key is not accepted
    └── RegisterRefused     the charity or sponsor cannot be registered or changed in this way

Nothing of a refused request is stored: the caller's transaction is to be rolled back.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from ledger.errors import Param, Refusal, format_code

_NO_PARAMS: Mapping[str, Param] = MappingProxyType({})


class FieldError(NamedTuple):
    """An error in an input: a dotted path (or a line of the file), and a code with its values."""

    path: str
    code: str
    params: Mapping[str, Param] = _NO_PARAMS

    def __str__(self) -> str:
        return f"{self.path}: {format_code(self.code, self.params)}"


def printable(text: str) -> str:
    """Return a text with control characters and lone surrogates escaped, for a refusal's values.

    Pure.
    """
    return repr(text)[1:-1]


def invalid_value(code: str, **params: Param) -> PydanticCustomError:
    """Return the error for a model's validator to raise.

    Pydantic keeps the code as `type`, the values as `ctx`.
    """
    return PydanticCustomError(code, code, dict(params))


def invalid_values(errors: Sequence[PydanticCustomError]) -> ValidationError:
    """Return the error for a model's validator to raise if it finds several errors of one value.

    Pydantic gives each the path of the value.
    """
    return ValidationError.from_exception_data(
        "value", [InitErrorDetails(type=error, input=None) for error in errors]
    )


class RequestRefused(Refusal):
    """The request is refused."""


class ValidationFailed(RequestRefused):
    """The input is refused whole; `field_errors` names each error in it."""

    def __init__(self, field_errors: Sequence[FieldError]) -> None:
        super().__init__("validation_failed")
        self.field_errors = tuple(field_errors)

    def __str__(self) -> str:
        return "\n".join(map(str, self.field_errors))


class PromiseRefused(ValidationFailed):
    """The promise is not valid, or does not fit the promise in force."""


class NotFound(RequestRefused):
    """No campaign, platform, charity, sponsor or upload has that name."""


class CampaignClosed(RequestRefused):
    """The campaign is closed."""

    def __init__(self, slug: str) -> None:
        super().__init__("campaign_closed", slug=slug)


class FundingRefused(RequestRefused):
    """The amount or its reference is not accepted."""


class EnrolmentRefused(RequestRefused):
    """The content belongs to another campaign, or is not valid."""


class UnknownPeriod(RequestRefused):
    """The campaign has no such settlement period."""


class TokenRefused(RequestRefused):
    """The token does not belong to that person, or its role does not allow this."""


class PlatformRefused(RequestRefused):
    """The platform or its key is not accepted."""


class RegisterRefused(RequestRefused):
    """The charity or sponsor cannot be registered or changed in this way."""
