"""Salted hashes of account numbers: anyone with number and salt can check one."""

import subprocess

import pytest

from ledger.log.account_hash import hash_account, hash_promise_accounts, list_accounts, upgrade_terms
from ledger.log.canonical import canonical_bytes
from ledger.log.leaf_schemas import read_leaf

OTHER, IBAN = {"scheme": "other", "id": "6222020200112233445"}, {"iban": "GB82WEST12345698765432", "bic": "WESTGB2L"}
SALTS = {OTHER["id"]: "0f" * 16, IBAN["iban"]: "a1" * 16}
PROMISE = {
    "campaign": {"slug": "c"},
    "terms": {
        "rate": {"amount_minor": 1, "per_likes": 3},
        "beneficiaries": [
            {"charity": "a", "share_bp": 7000, "account": OTHER},
            {"charity": "b", "share_bp": 3000, "account": IBAN},
        ],
    },
}
LEAF = {"kind": "terms", "v": 1, "campaign": "c", "version": 1, "from_day": "2026-01-01", "promise": PROMISE}


@pytest.mark.parametrize(("account", "number"), [(OTHER, OTHER["id"]), (IBAN, IBAN["iban"])])
def test_the_hash_is_what_sha256sum_says_of_number_and_salt(account: dict[str, str], number: str):
    command = ["sh", "-c", 'printf %s "$0$1" | sha256sum', number, SALTS[number]]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
    assert hash_account(account, SALTS) == shown.split()[0]


def test_terms_of_version_1_become_a_valid_leaf_of_version_2():
    upgraded = upgrade_terms(LEAF, SALTS)
    raw = canonical_bytes(upgraded)
    assert read_leaf(raw) == upgraded
    assert not any(number.encode() in raw for number in SALTS)
    assert [b["charity"] for b in upgraded["promise"]["terms"]["beneficiaries"]] == ["a", "b"]
    assert LEAF["promise"] == PROMISE  # the argument stays as it is
    assert upgrade_terms(upgraded, {}) == upgraded
    assert upgraded["promise"] == hash_promise_accounts(PROMISE, SALTS)


def test_an_account_without_a_salt_is_an_error():
    with pytest.raises(KeyError):
        upgrade_terms(LEAF, {})
    assert list_accounts(PROMISE) == [OTHER, IBAN]
