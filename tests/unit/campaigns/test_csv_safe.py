"""A CSV cell with a foreign text never begins a formula."""

import csv
from io import StringIO

import pytest

from campaigns.csv_safe import escape_formula
from hostile_texts import CONTROL_CHARACTER_TEXTS, ONE_LINE_TEXTS


@pytest.mark.parametrize(
    ("text", "cell"),
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
def test_a_formula_is_escaped_to_text(text: str | None, cell: str) -> None:
    assert escape_formula(text) == cell


@pytest.mark.parametrize("text", [*CONTROL_CHARACTER_TEXTS.values(), *ONE_LINE_TEXTS.values()])
def test_a_cell_stays_one_cell(text: str) -> None:
    file = StringIO()
    csv.writer(file).writerow(["before", escape_formula(text), "after"])
    [row] = csv.reader(StringIO(file.getvalue(), newline=""))
    assert row == ["before", escape_formula(text), "after"]
    assert escape_formula(text).removeprefix("'") == text.removeprefix("'")
