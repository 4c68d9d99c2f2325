"""A sponsor in a new promise: under its present name and not disabled, or refused by code."""

import pytest

from campaigns.catalogue.sponsors import Sponsor, derive_sponsor_id, sponsor_error
from campaigns.errors import FieldError
from promises import NOW

SPONSOR = Sponsor(derive_sponsor_id("Old"), "New", NOW, None)
NAME = {"name": "New"}


@pytest.mark.parametrize(
    ("name", "sponsor", "error"),
    [
        ("New", SPONSOR, None),
        ("Old", SPONSOR, FieldError("campaign.sponsor", "sponsor_renamed", NAME)),
        (
            "New",
            SPONSOR._replace(disabled_at=NOW),
            FieldError("campaign.sponsor", "sponsor_disabled", NAME),
        ),
        (
            "Old",
            SPONSOR._replace(disabled_at=NOW),
            FieldError("campaign.sponsor", "sponsor_disabled", NAME),
        ),
    ],
)
def test_a_new_promise_names_a_sponsor_as_registered(name: str, sponsor: Sponsor, error: FieldError | None):
    assert sponsor_error(name, sponsor) == error
