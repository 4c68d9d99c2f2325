"""The payer's account in a bank file: as IBAN, as BBAN or as a number, and nobody else's."""

import pytest

from ledger.reconciliation.statements.accounts import choose_accounts

IBAN = "DE89370400440532013000"


@pytest.mark.parametrize(
    ("own", "account"),
    [
        (IBAN, "DE89 3704 0044 0532 0130 00"),
        (IBAN, IBAN.lower()),
        (IBAN, "370400440532013000"),
        (IBAN, "37040044/532013000"),
        (IBAN, "37040044 0532013000"),
        (IBAN, "0532013000"),
        (IBAN, "532013000"),
        ("370400440532013000", IBAN),
        ("532013000", IBAN),
        ("6222020200112233445", "6222 0202 0011 2233 445"),
        ("0012345678", "12345678"),
        ("622", " 622"),
    ],
)
def test_an_account_is_the_payers_in_every_form(own: str, account: str):
    assert choose_accounts([account, "DE50370400440000000001"], own) == {account}


@pytest.mark.parametrize(
    ("own", "account"),
    [
        (IBAN, "DE50370400440532013000"),  # other check digits: one of them is wrong
        (IBAN, "DE89370400440532013001"),
        (IBAN, "AT89370400440532013000"),
        (IBAN, "013000"),  # too short to tell
        (IBAN, "37040045/532013000"),
        (IBAN, "00000000"),
        (IBAN, ""),
        ("622", "6220001"),
        ("622", "0001622"),
    ],
)
def test_another_account_is_not_the_payers(own: str, account: str):
    assert choose_accounts([account], own) == frozenset()


def test_a_number_that_only_ends_alike_loses_against_the_whole_one():
    assert choose_accounts([IBAN, "532013000"], IBAN) == {IBAN}


def test_two_numbers_that_end_alike_are_ambiguous():
    assert choose_accounts(["532013000", "40532013000"], IBAN) == frozenset()


def test_without_a_payer_every_account_is_read():
    assert choose_accounts([IBAN, "622"], None) == {IBAN, "622"}
