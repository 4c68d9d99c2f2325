"""The public end of an account's number: its holder recognises it, and nobody can pay to it.

One policy for pages, JSON, tables and roles: the public sees the end, leaves have a salted hash
(`ledger/log/account_hash.py`), finance and auditors see the number.
"""

import re
from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from campaigns.promise.bank_account import MASK
from campaigns.promise.diff import FieldChange

_NUMBER_PATH = re.compile(r"(^|\.)account\.(iban|id)$")
_VISIBLE_CHARS_MAX = 4
_VISIBLE_DIVISOR = 3  # at most a third of a number's characters is visible


class MaskedAccount(TypedDict, total=False):
    """A bank account with the end of its number: an IBAN, or a number of another scheme."""

    iban: str
    scheme: str
    id: str


def mask_number(number: str) -> str:
    """Return at most the last four letters and digits of a number, after an ellipsis. Pure."""
    characters = "".join(filter(str.isalnum, number))
    visible_count = min(_VISIBLE_CHARS_MAX, len(characters) // _VISIBLE_DIVISOR)
    return MASK + characters[len(characters) - visible_count :]


def mask_account(account: Mapping[str, Any]) -> dict[str, str]:
    """Return an account, a JSON object, with the end of its number. Pure."""
    if "iban" in account:
        return {"iban": mask_number(account["iban"])}
    return {"scheme": account["scheme"], "id": mask_number(account["id"])}


def mask_change(change: FieldChange) -> FieldChange:
    """Return a change with masked numbers if it is one of an account. Pure."""
    if _NUMBER_PATH.search(change.path) is None:
        return change
    before, after = (None if number is None else mask_number(str(number)) for number in (change.before, change.after))
    return change._replace(before=before, after=after)


def mask_accounts(value: Any) -> Any:
    """Return a JSON value with every member `account` masked, at any depth. Pure."""
    if isinstance(value, dict):
        return {
            name: mask_account(member) if name == "account" and isinstance(member, dict) else mask_accounts(member)
            for name, member in value.items()
        }
    return [mask_accounts(item) for item in value] if isinstance(value, list) else value
