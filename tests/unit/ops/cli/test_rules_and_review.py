"""`rules` and `review reproduce` on the command line: without a database, status 1 for a fault."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from campaigns.authenticity.engine import judge
from campaigns.authenticity.export import write_export
from campaigns.authenticity.ruleset import default_file, default_ruleset
from observed_likes import TIMEZONE, group, regular_people
from ops.cli import app

RUN = CliRunner()
LIKES = [*regular_people(5, people=12), *group(["bot"], range(9), gap_us=4_000_000)]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    rules = default_ruleset()
    file = tmp_path / "export.csv"
    lines = write_export(LIKES, judge(LIKES, rules, TIMEZONE), rules.ruleset.version, TIMEZONE)
    file.write_text("".join(lines), encoding="utf-8", newline="")
    return file


def test_check_prints_version_rules_and_hash() -> None:
    printed = RUN.invoke(app, ["rules", "check"])
    listed = json.loads(RUN.invoke(app, ["rules", "check", "--json"]).stdout)
    assert printed.exit_code == 0
    assert listed["sha256"] in printed.stdout
    assert [rule["id"] for rule in listed["rules"]] == [rule.id for rule in default_ruleset().rules]


def test_the_shipped_rules_can_be_written_checked_and_are_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    assert RUN.invoke(app, ["rules", "default", str(file)]).exit_code == 0
    assert file.read_bytes() == default_file() == RUN.invoke(app, ["rules", "default"]).stdout.encode()
    assert RUN.invoke(app, ["rules", "check", str(file)]).exit_code == 0
    assert RUN.invoke(app, ["rules", "default", str(file)]).exit_code == 1


def test_a_wrong_file_is_refused_with_each_fault(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(default_file().replace(b"people_from = 5", b"people = 5").replace(b"likes_from = 5, ", b""))
    result = RUN.invoke(app, ["rules", "check", str(file)])
    assert result.exit_code == 1
    assert result.stderr.count("people_from is missing") >= 1
    assert "rules.2: The number likes_from is missing" in result.stderr


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    for command in (["rules", "check"], ["review", "reproduce"]):
        result = RUN.invoke(app, [*command, str(tmp_path / "none")])
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_reproduce_prints_the_digest(export: Path) -> None:
    result = RUN.invoke(app, ["review", "reproduce", str(export)])
    digest = json.loads(RUN.invoke(app, ["review", "reproduce", str(export), "--json"]).stdout)["digest"]
    assert result.exit_code == 0
    assert f"digest {digest}" in result.stdout
    assert digest in export.read_text(encoding="utf-8")


def test_reproduce_names_the_first_row_that_differs(export: Path) -> None:
    export.write_text(export.read_text("utf-8").replace("quarantined,pace,", ",,", 1), encoding="utf-8")
    result = RUN.invoke(app, ["review", "reproduce", str(export)])
    assert result.exit_code == 1
    assert "differs: the export says" in result.stderr
    listed = json.loads(RUN.invoke(app, ["review", "reproduce", str(export), "--json"]).stdout)
    assert (listed["same"], listed["difference"]["judged"]["state"]) == (False, "quarantined")


def test_other_rules_of_the_same_version_give_another_result(export: Path, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(default_file().replace(b'mode = "live"', b'mode = "shadow"'))
    result = RUN.invoke(app, ["review", "reproduce", str(export), "--rules", str(file)])
    assert result.exit_code == 1
    assert "not held" in result.stderr
