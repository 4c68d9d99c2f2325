"""Bank accounts of a promise: by IBAN, or by another scheme's number; a masked one names the registered account."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from campaigns.errors import invalid_value
from campaigns.promise.strict_model import StrictModel

MASK = "…"  # before the end of an account's number, in place of the rest


def _check_iban(iban: str) -> str:
    """Return the IBAN unchanged; a masked one has no check digits.

    Raises invalid_value unless its digits modulo 97 are 1 (ISO 13616).
    """
    if iban.startswith(MASK):
        return iban
    digits = "".join(str(int(character, 36)) for character in iban[4:] + iban[:4])
    if int(digits) % 97 != 1:
        raise invalid_value("iban_check_digits")
    return iban


class IbanAccount(StrictModel):
    """A bank account by IBAN; in a promise, the end of it after `…` names the registered account."""

    iban: Annotated[
        str, Field(pattern=r"^([A-Z]{2}\d{2}[A-Z0-9]{11,30}|…[A-Z0-9]{0,4})$"), AfterValidator(_check_iban)
    ]
    bic: Annotated[str, Field(pattern=r"^[A-Z0-9]{8}([A-Z0-9]{3})?$")] | None = None


class OtherAccount(StrictModel):
    """A bank account by another scheme's number; its end after `…` as for an IBAN."""

    scheme: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,34}$")]
    id: Annotated[str, Field(pattern=r"^([A-Za-z0-9-]{1,34}|…[A-Za-z0-9]{0,4})$")]


def _account_kind(account: Any) -> Literal["iban", "other"]:
    """Return the kind of account, so that errors concern that kind only."""
    if isinstance(account, dict):
        return "iban" if {"iban", "bic"} & account.keys() else "other"
    return "iban" if isinstance(account, IbanAccount) else "other"


ACCOUNT_KINDS = ("iban", "other")
BankAccount = Annotated[
    Annotated[IbanAccount, Tag("iban")] | Annotated[OtherAccount, Tag("other")], Discriminator(_account_kind)
]


def is_masked(account: BankAccount) -> bool:
    """Return whether an account has the end of its number only. Pure."""
    return (account.iban if isinstance(account, IbanAccount) else account.id).startswith(MASK)


def _require_full_account(account: BankAccount) -> BankAccount:
    if is_masked(account):
        raise invalid_value("account_is_masked")
    return account


FullBankAccount = Annotated[BankAccount, AfterValidator(_require_full_account)]
