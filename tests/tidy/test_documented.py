"""What can be set, measured, answered and typed is told in the documents; what they tell exists."""

import ast
import re
from typing import TypeGuard, cast

import typer
from typer.main import get_command

from campaigns.intake.like_state import Outcome
from ops.cli import app
from ops.metrics import Metrics
from ops.settings import PREFIX, Settings
from repository import ROOT, documents, program, texts, told

MADE_BY_PROMETHEUS = ("_bucket", "_sum", "_count", "_created")


def settings() -> set[str]:
    return {PREFIX + name.upper() for name in Settings.model_fields}


def metrics() -> set[str]:
    """Return the metrics' names as Prometheus shows them: a counter's ends in _total."""
    families = Metrics().registry.collect()
    return {family.name + ("_total" if family.type == "counter" else "") for family in families}


def commands() -> set[str]:
    group = cast("typer.core.TyperGroup", get_command(app))
    found = set()
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {sub}" for sub in inner} if inner else {name}
    return found


def untold(names: set[str]) -> list[str]:
    return sorted(name for name in names if not re.search(rf"`[^`\n]*\b{re.escape(name)}\b", documents()))


def test_every_setting_is_told() -> None:
    assert not (faults := untold(settings())), told(faults, "add it to the table of settings in README.md")


def test_every_metric_is_told() -> None:
    assert not (faults := untold(metrics())), told(faults, "add it to the table of metrics in README.md")


def test_every_outcome_is_told() -> None:
    faults = untold({outcome.value for outcome in Outcome})
    assert not faults, told(faults, "add it to the table of outcomes in README.md")


def test_every_command_is_told() -> None:
    assert not (faults := untold(commands())), told(faults, "add it to the table of commands in README.md")


def test_every_setting_that_is_told_exists() -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", documents())) - {"LIKE_LEDGER_TEST_DATABASE_URL"}
    faults = sorted(named - settings())
    assert not faults, told(faults, "the documents name a setting that ops/settings.py does not know")


def test_every_metric_that_is_named_anywhere_exists() -> None:
    known = metrics() | {name + suffix for name in metrics() for suffix in MADE_BY_PROMETHEUS}
    deployed = "\n".join(text for path, text in texts().items() if path.match("ops/deploy/*.yaml"))
    table = "\n".join(line for line in documents().splitlines() if line.startswith("| `like_ledger_"))
    named = set(re.findall(r"\blike_ledger_\w+", deployed + table)) - not_metrics()
    faults = sorted(named - known)
    assert not faults, told(faults, "ops/metrics.py has no metric of that name")


def not_metrics() -> set[str]:
    """Return the names of the database's roles, which are written in the same way."""
    roles = (ROOT / "sql/roles.sql").read_text(encoding="utf-8")
    return set(re.findall(r"\blike_ledger_\w+", roles)) | {"like_ledger_owner", "like_ledger_app"}


def test_every_decision_that_is_cited_is_written() -> None:
    cited = {
        (path, name)
        for path, text in texts().items()
        for name in re.findall(r"\bops/decisions/(\d{4}-[a-z0-9-]+\.md)", text)
    }
    faults = [f"{path}: {name}" for path, name in sorted(cited) if not (ROOT / "ops/decisions" / name).is_file()]
    assert not faults, told(faults, "write the decision (ops/decisions/0001), or cite the one that is meant")


def test_every_metric_is_measured() -> None:
    names = {name for name in vars(Metrics()) if name != "registry"}
    measured = {ast.unparse(n.value).split(".")[-1] for s in program() for n in s.nodes if measures(n)}
    faults = [f"ops/metrics.py: {name}" for name in sorted(names - measured)]
    assert not faults, told(faults, "set it where it happens, or take it out")


def measures(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """Tell whether a node is `….name.inc`, or another way to give a metric its figure."""
    return isinstance(node, ast.Attribute) and node.attr in {"inc", "set", "observe", "labels"}
