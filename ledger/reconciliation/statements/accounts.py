"""Tell whether an account in a bank file is the payer's, written as IBAN, BBAN or number. Pure."""

import re
from collections.abc import Iterable

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_SEPARATORS = re.compile(r"[\s/.-]+")
_NUMBER_CHARS_MIN = 8  # a shorter number is too common to tell accounts of two banks apart


def normalize_account(account: str) -> str:
    """Return an account in capitals and without blanks."""
    return "".join(account.split()).upper()


def choose_accounts(accounts: Iterable[str], own: str | None) -> frozenset[str]:
    """Return the accounts of a file that are the payer's; all of them if `own` is None.

    A number that only ends like the payer's counts if no other account of the file does.
    """
    unique = frozenset(accounts)
    if own is None:
        return unique
    exact = frozenset(account for account in unique if normalize_account(account) == normalize_account(own))
    if exact:
        return exact
    similar = frozenset(account for account in unique if _is_same_number(account, own))
    return similar if len({_compact(account) for account in similar}) == 1 else frozenset()


def _compact(account: str) -> str:
    return _SEPARATORS.sub("", account).upper()


def _is_same_number(first: str, second: str) -> bool:
    """Tell whether one is the other without country and check digits, bank code or zeros."""
    if _compact(first) == _compact(second):
        return True
    first_is_iban, second_is_iban = (_IBAN.fullmatch(_compact(account)) is not None for account in (first, second))
    if first_is_iban == second_is_iban:
        return not first_is_iban and _compact(first).lstrip("0") == _compact(second).lstrip("0") != ""
    iban, number = (first, second) if first_is_iban else (second, first)
    parts = [part.lstrip("0") for part in _SEPARATORS.split(number.strip().upper()) if part.strip("0")]
    if not parts or sum(map(len, parts)) < _NUMBER_CHARS_MIN:
        return False
    # Parts such as bank code and number may have lost the zeros between them.
    pattern = "0*".join(re.escape(part) for part in parts)
    return re.search(rf"{pattern}$", _compact(iban)[4:]) is not None
