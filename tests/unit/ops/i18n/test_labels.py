"""Labels and values for people."""

from campaigns.promise.diff import FieldChange
from ops.i18n.labels import field_label, format_minute, format_value, label_changes, path_label


def test_moments_and_shares_are_written_for_people() -> None:
    assert format_minute("2026-11-24T02:07:33.396067+08:00") == "2026-11-24 02:07 UTC+8"
    assert format_value("terms.beneficiaries.0.share_bp", "1250", "en") == "12.5%"
    assert format_value("reference", "2026-13-99T99:99", "en") == "2026-13-99T99:99"


def test_a_field_is_labelled_by_the_longest_end_of_its_path() -> None:
    assert field_label("terms.rate.amount_minor", "en") == "Amount"
    assert field_label("nobody.named_this", "en") == "named this"


def test_a_path_numbers_its_rows_from_one() -> None:
    assert path_label("terms.beneficiaries.1.share_bp", "en") == "Terms · Beneficiaries 2 · Share"


def test_a_change_of_a_text_has_no_difference_in_money() -> None:
    (change,) = label_changes([FieldChange("campaign.timezone", None, "UTC")], "en")
    assert (change.before, change.after, change.delta, change.is_money) == (None, "UTC", None, False)
