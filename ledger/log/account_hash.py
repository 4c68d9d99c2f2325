"""Bank accounts in leaves: a salted hash of the number, never the number itself.

The hash is SHA-256 over the UTF-8 bytes of number and salt, one after the other:
`printf %s "$NUMBER$SALT" | sha256sum`. The number is the IBAN or the account's number exactly as in
the promise, the salt its 32 hexadecimal digits. Few people know a salt: account numbers are short
enough to be guessed.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

TERMS_VERSION = 2  # the first version of `terms` without account numbers


def account_number(account: Mapping[str, Any]) -> str:
    """Return an account's number: its IBAN, or its number in another scheme."""
    return str(account["iban"] if "iban" in account else account["id"])


def hash_account(account: Mapping[str, Any], salts: Mapping[str, str]) -> str:
    """Return the salted SHA-256 of an account's number, in hex; `salts` are by number.

    Raises KeyError if the number has no salt.
    """
    number = account_number(account)
    return sha256((number + salts[number]).encode()).hexdigest()


def list_accounts(promise: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the accounts of a promise's beneficiaries, in their order."""
    return [beneficiary["account"] for beneficiary in promise["terms"]["beneficiaries"]]


def hash_promise_accounts(promise: Mapping[str, Any], salts: Mapping[str, str]) -> dict[str, Any]:
    """Return a promise with `account_sha256` in place of each beneficiary's `account`."""
    beneficiaries = [
        {name: value for name, value in beneficiary.items() if name != "account"}
        | {"account_sha256": hash_account(beneficiary["account"], salts)}
        for beneficiary in promise["terms"]["beneficiaries"]
    ]
    return {**promise, "terms": {**promise["terms"], "beneficiaries": beneficiaries}}


def upgrade_terms(leaf: Mapping[str, Any], salts: Mapping[str, str]) -> dict[str, Any]:
    """Return a `terms` leaf as version 2, for a log that succeeds another; `salts` are by number.

    A leaf of version 2 is returned unchanged. Raises KeyError if an account has no salt.
    """
    if leaf["v"] >= TERMS_VERSION:
        return dict(leaf)
    return {**leaf, "v": TERMS_VERSION, "promise": hash_promise_accounts(leaf["promise"], salts)}
