"""The rules for Prometheus: promtool reads them, and each one is raised by its own case and by no other."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[4] / "ops/deploy"


@pytest.fixture
def promtool() -> str:
    """Return Prometheus's tool; CI has it, a developer's machine may not."""
    found = shutil.which("promtool")
    if found is None and os.environ.get("CI") != "true":
        pytest.skip("promtool is missing: install the package prometheus")
    assert found is not None, "promtool is missing, and CI may leave nothing out: .ci/install"
    return found


def told_by(*command: str) -> str:
    done = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules(promtool: str) -> None:
    assert "SUCCESS" in told_by(promtool, "check", "rules", "alerts.yaml")


def test_each_rule_is_raised_when_it_should(promtool: str) -> None:
    assert "SUCCESS" in told_by(promtool, "test", "rules", "alerts.test.yaml")


def test_each_rule_has_a_case_that_raises_it_and_one_that_does_not() -> None:
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))
    cases = yaml.safe_load((DEPLOY / "alerts.test.yaml").read_text(encoding="utf-8"))
    tried = [rule for case in cases["tests"] for rule in case["alert_rule_test"]]
    named = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert named == {rule["alertname"] for rule in tried if rule["exp_alerts"]}
    assert named == {rule["alertname"] for rule in tried if not rule["exp_alerts"]}


def test_each_rule_says_what_happened_and_what_to_do() -> None:
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]
