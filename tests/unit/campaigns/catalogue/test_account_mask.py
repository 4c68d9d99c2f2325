"""The end of an account's number is public, and too little of it to pay to."""

import pytest

from campaigns.catalogue.account_mask import mask_account, mask_accounts

NUMBER = "6222020200112233445"


@pytest.mark.parametrize(
    ("account", "masked"),
    [
        ({"scheme": "other", "id": NUMBER}, {"scheme": "other", "id": "…3445"}),
        ({"iban": "GB82WEST12345698765432", "bic": "WESTGB2L"}, {"iban": "…5432"}),
        ({"scheme": "other", "id": "12-34-56"}, {"scheme": "other", "id": "…56"}),
        ({"scheme": "other", "id": "12"}, {"scheme": "other", "id": "…"}),
        ({"scheme": "other", "id": "-"}, {"scheme": "other", "id": "…"}),
        ({"iban": "…5432"}, {"iban": "…2"}),  # masking again never shows more
    ],
)
def test_a_masked_account_shows_its_end_alone(account: dict[str, str], masked: dict[str, str]):
    assert mask_account(account) == masked


def test_accounts_are_masked_at_any_depth():
    account = {"scheme": "other", "id": NUMBER}
    value = {"terms": [{"beneficiaries": [{"charity": "a", "account": account}]}], "account": account, "n": 1}
    assert NUMBER not in str(mask_accounts(value))
    assert mask_accounts({"account": "in words", "n": [1]}) == {"account": "in words", "n": [1]}
