"""Changes as text: for programs, for terminals and for people."""

from datetime import UTC, date, datetime

import pytest

from campaigns.promise.diff import FieldChange, FieldValue
from ops.i18n.changes import Difference, format_changes, parse_difference, value_text
from ops.i18n.labels import LabelledChange, label_changes
from ops.i18n.language import Language

CAP = FieldChange("terms.daily_cap_minor", 500, 650, "CNY", "CNY")


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (None, "CNY", None),
        (3, "", "3"),
        (500, "CNY", "500 (5.00 CNY)"),
        (500, "JPY", "500 (500 JPY)"),
        ("open", "", "open"),
        (date(2026, 12, 1), "", "2026-12-01"),
        (datetime(2026, 12, 1, tzinfo=UTC), "", "2026-12-01T00:00:00+00:00"),
    ],
)
def test_a_value_as_text(value: FieldValue | None, currency: str, text: str | None):
    assert value_text(value, currency) == text


def test_a_truth_as_text():
    assert [value_text(value) for value in (True, False)] == ["true", "false"]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            FieldChange("terms.rate.per_likes", 3, 2),
            {"path": "terms.rate.per_likes", "before": "3", "after": "2"},
        ),
        (
            CAP._replace(after=None),
            {
                "path": "terms.daily_cap_minor",
                "before": "500 (5.00 CNY)",
                "after": None,
                "amount": {"before_minor": 500, "after_minor": None, "currency": "CNY"},
            },
        ),
        (
            FieldChange("settlement.automatic", before=True, after=False),
            {"path": "settlement.automatic", "before": "true", "after": "false"},
        ),
    ],
)
def test_a_change_as_json(change: FieldChange, difference: Difference):
    assert format_changes([change]) == [difference]


@pytest.mark.parametrize(
    ("change", "language", "label"),
    [
        (CAP, "en", ("CN¥5.00", "CN¥6.50", "+CN¥1.50", True)),
        (CAP._replace(before=650, after=500), "en", ("CN¥6.50", "CN¥5.00", "\u2212CN¥1.50", True)),
        (CAP._replace(after=None), "en", ("CN¥5.00", None, None, True)),
        (CAP, "zh", ("¥5.00", "¥6.50", "+¥1.50", True)),
        (FieldChange("share_bp", 7000, 6550), "en", ("70%", "65.5%", None, False)),
        (FieldChange("rate.per_likes", 3, 2), "en", ("3", "2", None, False)),
    ],
)
def test_a_change_reads_the_same_from_its_values_and_from_json(
    change: FieldChange, language: Language, label: tuple[str | None, ...]
):
    for source in (change, *format_changes([change])):
        [labelled] = label_changes([source], language)
        assert isinstance(labelled, LabelledChange)
        assert labelled[1:] == label


def test_an_amount_survives_json():
    assert parse_difference(*format_changes([CAP])) == CAP
