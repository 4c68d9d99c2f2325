"""The diff of two promises: each value that differs, with its type."""

from datetime import datetime

import pytest

from campaigns.promise.diff import FieldChange, FieldValue, diff_objects, diff_promises
from promises import promise

OTHER_CURRENCY = (('currency = "CNY"', 'currency = "JPY"'), ("floor_minor = 0", "floor_minor = 7"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], []),
        ([("per_likes = 3", "per_likes = 2")], [("terms.rate.per_likes", 3, 2, "", "")]),
        (
            [("daily_cap_minor = 500\n", "")],
            [("terms.daily_cap_minor", 500, None, "CNY", "CNY")],
        ),
        (
            [("daily_cap_minor = 500", "daily_cap_minor = 500\nlikes_per_person_per_day = 20")],
            [("terms.likes_per_person_per_day", None, 20, "", "")],
        ),
        (
            [("floor_minor = 0", "floor_minor = 1234")],
            [("campaign.floor_minor", 0, 1234, "CNY", "CNY")],
        ),
        (
            [*OTHER_CURRENCY],
            [
                ("campaign.currency", "CNY", "JPY", "", ""),
                ("campaign.floor_minor", 0, 7, "JPY", "CNY"),
            ],
        ),
        (
            [('iban = "GB82WEST12345698765432"', 'scheme = "other", id = "1"')],
            [
                ("terms.beneficiaries.1.account.scheme", None, "other", "", ""),
                ("terms.beneficiaries.1.account.id", None, "1", "", ""),
                ("terms.beneficiaries.1.account.iban", "GB82WEST12345698765432", None, "", ""),
            ],
        ),
        (
            [("[terms]", "[settlement]\nautomatic = false\n[terms]")],
            [("settlement.automatic", True, False, "", "")],
        ),
        ([("2026-11-01T00:00:00+08:00", "2026-10-31T16:00:00Z")], []),  # the same instant
        ([("late_days = 36500", "late_days = 36500\nhold_days = 3")], []),  # the default
    ],
)
def test_a_change_has_typed_values(
    changes: list[tuple[str, str]],
    expected: list[tuple[str, FieldValue | None, FieldValue | None, str, str]],
):
    assert [tuple(change) for change in diff_promises(promise(), promise(*changes))] == expected


def test_a_moment_stays_a_moment():
    [change] = diff_promises(promise(), promise(("2026-12-01T00:00", "2026-12-02T00:00")))
    assert (change.path, type(change.before), type(change.after)) == ("campaign.ends_at", datetime, datetime)


def test_a_new_promise_differs_in_every_value():
    changes = diff_promises(None, promise())
    assert all(change.before is None for change in changes)
    assert {"campaign.slug", "terms.rate.per_likes", "terms.beneficiaries.1.share_bp", "settlement.cron"} <= {
        change.path for change in changes
    }


def test_without_a_currency_no_value_is_an_amount():
    assert diff_objects({"a_minor": 1}, {"a_minor": 2}, "") == [FieldChange("a_minor", 1, 2)]


@pytest.mark.parametrize("missing", [None, {}])
def test_an_object_without_values_is_absent(missing: dict[str, int] | None):
    assert diff_objects(missing, {"a": 1}, "CNY") == [FieldChange("a", None, 1)]
    assert diff_objects({"a": 1}, missing, "CNY") == [FieldChange("a", 1, None)]
