"""The Prometheus alerts: promtool accepts them, and each fires in its own test case only."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from campaigns.intake.like_state import Outcome
from ops.http.core.problems import Problem
from ops.jobs import Jobs, build_scheduler
from ops.metrics import Metrics
from ops.settings import Settings

DEPLOY = Path(__file__).resolve().parents[4] / "ops/deploy"


@pytest.fixture
def promtool() -> str:
    """Return the path of promtool; CI must have it, a developer's machine may not."""
    path = shutil.which("promtool")
    if path is None and os.environ.get("CI") != "true":
        pytest.skip("promtool is missing: install the package prometheus")
    assert path is not None, "promtool is missing, but CI must run every test: see .ci/install"
    return path


def run_tool(*command: str) -> str:
    result = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_promtool_accepts_the_rules(promtool: str) -> None:
    assert "SUCCESS" in run_tool(promtool, "check", "rules", "alerts.yaml")


def test_each_rule_fires_in_its_case(promtool: str) -> None:
    assert "SUCCESS" in run_tool(promtool, "test", "rules", "alerts.test.yaml")


def test_each_rule_has_a_case_that_fires_and_one_that_does_not() -> None:
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))
    cases = yaml.safe_load((DEPLOY / "alerts.test.yaml").read_text(encoding="utf-8"))
    tests = [rule for case in cases["tests"] for rule in case["alert_rule_test"]]
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert names == {rule["alertname"] for rule in tests if rule["exp_alerts"]}
    assert names == {rule["alertname"] for rule in tests if not rule["exp_alerts"]}


def test_each_rule_says_what_happened_and_what_to_do() -> None:
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]


def job_names() -> set[str]:
    nothing: Any = None
    return {job.id for job in build_scheduler(Jobs(nothing, nothing, Metrics(), nothing), Settings()).get_jobs()}


VALUES = {
    "problem": {problem.slug for problem in Problem},
    "outcome": {outcome.value for outcome in Outcome},
    "exported_job": job_names(),
}


def test_each_rule_selects_label_values_that_the_service_exports() -> None:
    rules = (DEPLOY / "alerts.yaml").read_text(encoding="utf-8")
    selected = re.findall(r'\b(problem|outcome|exported_job)=~?"([^"]+)"', rules)
    assert {label for label, _ in selected} == VALUES.keys()
    unknown = [
        (label, value) for label, values in selected for value in values.split("|") if value not in VALUES[label]
    ]
    assert unknown == []
