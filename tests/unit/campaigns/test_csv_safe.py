"""A CSV's cell never begins a formula, whoever wrote the text."""

import csv
from io import StringIO

import pytest

from campaigns.csv_safe import escape_formula
from hostile import CONTROL_CHARACTER_TEXTS, ONE_LINE_TEXTS


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (None, ""),
        ("", ""),
        ("REF 2026/11", "REF 2026/11"),
        ("a=b", "a=b"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("  =1", "'  =1"),
        ("＝1+1", "'＝1+1"),
        ("'=1", "'=1"),
    ],
)
def test_what_would_be_a_formula_is_told_as_text(told: str | None, shown: str) -> None:
    assert escape_formula(told) == shown


@pytest.mark.parametrize("told", [*CONTROL_CHARACTER_TEXTS.values(), *ONE_LINE_TEXTS.values()])
def test_a_cell_stays_one_cell(told: str) -> None:
    file = StringIO()
    csv.writer(file).writerow(["before", escape_formula(told), "after"])
    [row] = csv.reader(StringIO(file.getvalue(), newline=""))
    assert row == ["before", escape_formula(told), "after"]
    assert escape_formula(told).removeprefix("'") == told.removeprefix("'")
