"""A charity in new terms: as it is registered, or refused by code."""

import pytest

from campaigns.catalogue.charities import Charity, beneficiary_error
from campaigns.errors import FieldError
from campaigns.promise.bank_account import OtherAccount
from promises import NOW, promise

BENEFICIARY = promise().terms.beneficiaries[0]
REGISTERED = Charity(BENEFICIARY.charity, BENEFICIARY.name, BENEFICIARY.account, NOW, None)
OTHER = OtherAccount(scheme="other", id="1")
SLUG = {"slug": "village-schools"}


@pytest.mark.parametrize(
    ("charity", "error"),
    [
        (REGISTERED, None),
        (
            REGISTERED._replace(account=OTHER),
            FieldError("terms.beneficiaries.2.account", "beneficiary_account_differs", SLUG),
        ),
        (
            REGISTERED._replace(disabled_at=NOW),
            FieldError("terms.beneficiaries.2.charity", "beneficiary_disabled", SLUG),
        ),
        (
            REGISTERED._replace(disabled_at=NOW, account=OTHER),
            FieldError("terms.beneficiaries.2.charity", "beneficiary_disabled", SLUG),
        ),
    ],
)
def test_new_terms_name_a_charity_as_registered(charity: Charity, error: FieldError | None):
    assert beneficiary_error(2, BENEFICIARY, charity) == error
