"""Exports: what is written is read back, judged again to the same digest, and a changed row is named."""

import re
from collections.abc import Callable

import pytest

from campaigns.authenticity.engine import judge
from campaigns.authenticity.export import read_head, read_rows, write_export
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.reproduce import Reproduction, reproduce
from campaigns.authenticity.ruleset import default_ruleset
from campaigns.errors import ValidationFailed
from observed_likes import TIMEZONE, group, observe, regular_people

RULES = default_ruleset()
ODD = [
    observe(0, "a", "=1+1", device="x"),
    observe(1, "b", "'=1+1", watch_ms=0, followed=True, commented=False),
    observe(2, "c", "＝中文, with a comma"),
    observe(3, "d", 'a "quoted" id'),
    observe(4, "e", " padded "),
]
LIKES = [*regular_people(5, people=12), *group(["bot"], range(9), gap_us=4_000_000), *ODD]


def export_lines(likes: list[Observation] = LIKES) -> list[str]:
    judgement = judge(likes, RULES, TIMEZONE)
    return list(write_export(likes, judgement, RULES.ruleset.version, TIMEZONE))


def judge_again(lines: list[str]) -> Reproduction:
    return reproduce(read_head(lines[0]), read_rows(iter(lines[1:])), RULES)


def test_an_export_is_judged_to_the_same_digest() -> None:
    result = judge_again(export_lines())
    assert (result.is_same, result.difference, result.likes_held) == (True, None, 9)
    assert (result.rows, result.likes) == (len(LIKES), len({(like.person, like.content) for like in LIKES}))


def test_what_is_written_is_read_back_and_no_cell_is_a_formula() -> None:
    lines = export_lines()
    assert [row.observation for row in read_rows(iter(lines[1:]))] == LIKES
    assert not any(cell.startswith(("=", "＝")) for line in lines for cell in line.split(","))


@pytest.mark.parametrize(
    "change",
    [
        lambda line: re.sub("quarantined,[a-z ]+,", ",,", line),
        lambda line: re.sub("quarantined,[a-z ]+,", "quarantined,device,", line),
        lambda line: line.replace("pace.burst.minute", "pace.burst"),
    ],
)
def test_the_first_row_that_was_changed_is_named(change: Callable[[str], str]) -> None:
    lines = export_lines()
    at = next(number for number, line in enumerate(lines) if "quarantined" in line)
    result = judge_again([*lines[:at], change(lines[at]), *lines[at + 1 :]])
    assert not result.is_same
    assert result.difference is not None
    assert result.difference.line == at + 1


def test_a_changed_digest_is_noticed() -> None:
    lines = export_lines()
    result = judge_again([lines[0][:-66] + "0" * 64 + "\r\n", *lines[1:]])
    assert (result.is_same, result.difference) == (False, None)


ROW = "0," + "ab" * 16 + ",c,video,,,,,,,,,,,\r\n"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (ROW, None),
        (ROW.replace("ab" * 16, "ab"), "line 3: export_row_malformed"),
        (ROW.replace("ab" * 16, "zz" * 16), "line 3: export_row_malformed"),
        (ROW.replace("0,", "0.5,", 1), "line 3: export_row_malformed"),
        (ROW.replace("0,", "٣,", 1), "line 3: export_row_malformed"),
        (ROW.replace("0,", "-1,", 1), "line 3: export_row_malformed"),
        (ROW.replace("0,", "9" * 18 + ",", 1), "line 3: export_row_malformed"),
        (ROW.replace("video,,,", "video,,,-4"), "line 3: export_row_malformed"),
        (ROW.replace(",c,", ",,"), "line 3: export_row_malformed"),
        (ROW.replace(",c,", ",\udcff,"), "line 3: export_row_malformed"),
        (ROW.replace(",c,", ',"c,'), "line 3: export_row_malformed"),
        ("0,1\r\n", "line 3: export_row_malformed"),
        (ROW.replace("video,,,,,,", "video,,,,,,7"), "line 3: export_row_malformed"),
    ],
)
def test_a_malformed_row_is_refused_by_its_line(row: str, fault: str | None) -> None:
    lines = [*export_lines()[1:2], row]
    if fault is None:
        assert len(list(read_rows(iter(lines)))) == 1
        return
    with pytest.raises(ValidationFailed) as refusal:
        list(read_rows(iter(lines)))
    assert str(refusal.value) == fault


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("# obs", "obs", "export_head_malformed"),
        ("version=1", "version=2", "export_version_unknown"),
        ("Asia/Shanghai", "Asia/Atlantis", "export_head_malformed"),
        ("Asia/Shanghai", "Asia", "export_head_malformed"),
        ("Asia/Shanghai", "/etc/passwd", "export_head_malformed"),
        ("ruleset=1", "ruleset=x", "export_head_malformed"),
    ],
)
def test_a_file_of_another_kind_is_refused(old: str, new: str, code: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        read_head(export_lines()[0].replace(old, new))
    assert [error.code for error in refusal.value.field_errors] == [code]


def test_other_columns_are_refused() -> None:
    with pytest.raises(ValidationFailed) as refusal:
        list(read_rows(iter(["line,state\r\n"])))
    assert [error.code for error in refusal.value.field_errors] == ["export_columns_differ"]


def test_an_export_of_another_version_of_the_rules_is_refused() -> None:
    lines = export_lines()
    with pytest.raises(ValidationFailed) as refusal:
        judge_again([lines[0].replace("ruleset=1;", "ruleset=2;"), *lines[1:]])
    assert [error.code for error in refusal.value.field_errors] == ["export_ruleset_differs"]
