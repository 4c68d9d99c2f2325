"""Rulesets as files: accepted whole or refused whole, their canonical bytes and their differences."""

import copy
import tomllib
from typing import Any

import pytest

from campaigns.authenticity.diff import diff_rulesets, loosens, makes_live
from campaigns.authenticity.kinds import KINDS
from campaigns.authenticity.ruleset import (
    Ruleset,
    RulesetRefused,
    check_successor,
    default_file,
    default_ruleset,
    parse_ruleset,
    ruleset_bytes,
    salted_sha256,
)
from ledger.log.canonical import parse_canonical

FILE = """
[ruleset]
version = 4
reason = { zh = "测试", en = "A test." }
established = { days = 7, likes = 10 }
[[rules]]
id = "device.crowd"
family = "device"
stage = "window"
mode = "live"
needs = ["device"]
numbers = { window_hours = 168, people_from = 5 }
message = { zh = "许多人共用一台设备。", en = "Many people share a device." }
"""


def change_file(path: str, value: Any) -> Ruleset:
    """Return the file's ruleset with one value changed by its dotted path."""
    tree = tomllib.loads(FILE)
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    part: Any = tree
    for step in way:
        part = part[step]
    part[last] = value
    return Ruleset.model_validate(tree)


def read_faults(file: str) -> list[tuple[str, str]]:
    with pytest.raises(RulesetRefused) as refusal:
        parse_ruleset(file.encode())
    return [(error.path, error.code) for error in refusal.value.field_errors]


def test_a_file_is_read_and_defaults_are_written_out() -> None:
    ruleset = parse_ruleset(FILE.encode())
    published = parse_canonical(ruleset_bytes(ruleset))
    assert (ruleset.ruleset.version, ruleset.families) == (4, ["device"])
    assert published["rules"][0]["established"] == "case"
    assert Ruleset.model_validate(published) == ruleset


@pytest.mark.parametrize(
    ("old", "new", "faults"),
    [
        ("version = 4", "version = 0", [("ruleset.version", "greater_than_equal")]),
        ("version = 4", "version = 4.0", [("ruleset.version", "int_type")]),
        ("window_hours = 168", "window_hours = 168.5", [("rules.0.numbers.window_hours", "int_type")]),
        ("window_hours = 168", "window_hours = true", [("rules.0.numbers.window_hours", "int_type")]),
        ("window_hours = 168", "window_hours = 0", [("rules.0", "rule_number_out_of_range")]),
        (
            "window_hours = 168",
            "hours = 168",
            [("rules.0", "rule_number_unknown"), ("rules.0", "rule_number_missing")],
        ),
        ('id = "device.crowd"', 'id = "device.cloud"', [("rules.0", "rule_kind_unknown")]),
        ('id = "device.crowd"', 'id = "phones"\nkind = "device.crowds"', [("rules.0", "rule_kind_unknown")]),
        ('needs = ["device"]', "needs = []", [("rules.0", "rule_need_missing")]),
        ('needs = ["device"]', 'needs = ["shoe"]', [("rules.0.needs.0", "literal_error")]),
        ('stage = "window"', 'stage = "intake"', [("rules.0", "rule_stage_differs")]),
        ('mode = "live"', 'mode = "on"', [("rules.0.mode", "literal_error")]),
        ("Many people", "5 people", [("rules.0.message", "rule_message_has_numbers")]),
        ("许多人", "５个人", [("rules.0.message", "rule_message_has_numbers")]),
        ("[ruleset]", "colour = 1\n[ruleset]", [("colour", "extra_forbidden")]),
        ("version = 4", "version = [", [("line 3, column 12", "toml_invalid")]),
        ('mode = "live"', 'mode = "live"\nmode = "live"', [("line 10, column 14", "toml_invalid")]),
        (FILE, FILE + "[quality]\nreference = 'sha256:00'", [("quality", "quality_reference_unknown")]),
        (FILE, FILE + "[critical]\nsteps = [[50, 4], [50, 5]]", [("critical", "critical_steps_not_rising")]),
        (FILE, FILE + FILE[FILE.index("[[rules]]") :], [("ruleset", "rule_id_repeated")]),
        (FILE, "", [("ruleset", "missing"), ("rules", "missing")]),
    ],
)
def test_a_wrong_file_is_refused_whole_with_the_path_of_each_fault(old: str, new: str, faults: list[Any]) -> None:
    faults_read = read_faults(FILE.replace(old, new))
    assert [(path.split(" ")[0] if code == "toml_invalid" else path, code) for path, code in faults_read] == [
        (path.split(" ")[0] if code == "toml_invalid" else path, code) for path, code in faults
    ]


def test_bytes_that_are_not_utf8_are_refused_by_their_line() -> None:
    with pytest.raises(RulesetRefused) as refusal:
        parse_ruleset(b"[ruleset]\n# \xff")
    assert [(error.path, error.code) for error in refusal.value.field_errors] == [("line 2", "file_not_utf8")]


def test_a_kind_may_be_used_several_times_under_other_ids() -> None:
    rule = FILE[FILE.index("[[rules]]") :]
    both = FILE + rule.replace('id = "device.crowd"', 'id = "device.crowd.day"\nkind = "device.crowd"')
    assert [rule.kind_name for rule in parse_ruleset(both.encode()).rules] == ["device.crowd", "device.crowd"]


def test_canonical_bytes_do_not_depend_on_the_order_or_layout_of_the_file() -> None:
    tree = tomllib.loads(FILE)
    shuffled = dict(reversed(list(copy.deepcopy(tree).items())))
    shuffled["rules"] = [dict(reversed(list(rule.items()))) for rule in shuffled["rules"]]
    assert ruleset_bytes(Ruleset.model_validate(shuffled)) == ruleset_bytes(parse_ruleset(FILE.encode()))


def test_the_salt_changes_the_hash() -> None:
    published = ruleset_bytes(parse_ruleset(FILE.encode()))
    assert salted_sha256(published, "00" * 16) != salted_sha256(published, "01" * 16)
    assert salted_sha256(b"", "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("version", "code"), [(5, None), (4, "ruleset_version_not_rising"), (3, "ruleset_version_not_rising")]
)
def test_a_version_rises_and_never_changes(version: int, code: str | None) -> None:
    latest, ruleset = parse_ruleset(FILE.encode()), change_file("rules.0.numbers.people_from", 6)
    ruleset = ruleset.model_copy(update={"ruleset": ruleset.ruleset.model_copy(update={"version": version})})
    if code is None:
        check_successor(latest, ruleset)
        return
    with pytest.raises(RulesetRefused) as refusal:
        check_successor(latest, ruleset)
    assert [error.code for error in refusal.value.field_errors] == [code]


def test_the_same_version_again_is_accepted() -> None:
    check_successor(None, parse_ruleset(FILE.encode()))
    check_successor(parse_ruleset(FILE.encode()), parse_ruleset(FILE.encode()))


@pytest.mark.parametrize(
    ("path", "value", "effect"),
    [
        ("rules.0.numbers.people_from", 6, "looser"),
        ("rules.0.numbers.people_from", 4, "stricter"),
        ("rules.0.numbers.window_hours", 24, "looser"),
        ("rules.0.numbers.window_hours", 200, "stricter"),
        ("rules.0.mode", "shadow", "looser"),
        ("rules.0.established", "hold", "stricter"),
        ("rules.0.message.en", "Many share a telephone.", "none"),
        ("ruleset.version", 5, "none"),
        ("ruleset.established.days", 5, "either"),
    ],
)
def test_each_change_says_whether_it_is_looser_or_stricter(path: str, value: Any, effect: str) -> None:
    changes = diff_rulesets(parse_ruleset(FILE.encode()), change_file(path, value))
    assert [change.effect for change in changes] == [effect]
    assert loosens(changes) == (effect in {"looser", "either"})


def test_a_rule_that_is_new_or_gone_is_named_by_its_id() -> None:
    old = parse_ruleset(FILE.encode())
    renamed = parse_ruleset(FILE.replace('id = "device.crowd"', 'id = "phones"\nkind = "device.crowd"').encode())
    effects = {change.change.path.split(".numbers")[0]: change.effect for change in diff_rulesets(old, renamed)}
    assert effects["rules.phones"] == "stricter"
    assert effects["rules.device.crowd"] == "looser"
    assert makes_live(old, renamed)
    assert not makes_live(renamed, renamed)


def test_the_shipped_ruleset_uses_known_kinds_and_reads_back() -> None:
    ruleset = default_ruleset()
    assert {rule.kind_name for rule in ruleset.rules} <= set(KINDS)
    assert Ruleset.model_validate(parse_canonical(ruleset_bytes(ruleset))) == ruleset
    assert default_file().startswith(b"#")
