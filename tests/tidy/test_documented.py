"""Settings, metrics, outcomes and commands are documented; what the documents name exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard, cast, get_args

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.main import get_command

from campaigns.intake.like_state import LikeState, Outcome
from campaigns.promise.model import Promise
from ledger.settlements.model import SettlementState
from ledger.settlements.payout_steps import PayoutState
from ops.cli import app
from ops.metrics import Metrics
from ops.settings import PREFIX, Settings
from repository import ROOT, documents, format_faults, package_sources, texts

MADE_BY_PROMETHEUS = ("_bucket", "_sum", "_count", "_created")
NOT_COMMANDS = {"turns", "is"}  # sentences about the program itself
PARTS = 3
DECISION = re.compile(
    r"# (?P<number>\d{4}) – .+\n\nStatus: .+ · Date: \d{4}-\d{2}-\d{2}\n\n## Context\n.+"
    r"\n## Decision\n.+\n## Consequences\n.+",
    re.DOTALL,
)


def settings() -> set[str]:
    return {PREFIX + name.upper() for name in Settings.model_fields}


def metrics() -> set[str]:
    """Return the metrics' names as Prometheus shows them: a counter's ends in _total."""
    families = Metrics().registry.collect()
    return {family.name + ("_total" if family.type == "counter" else "") for family in families}


def commands() -> set[str]:
    group = cast("typer.core.TyperGroup", get_command(app))
    names = set()
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        names |= {f"{name} {sub}" for sub in inner} if inner else {name}
    return names


def find_undocumented(names: set[str]) -> list[str]:
    return sorted(name for name in names if not re.search(rf"`[^`\n]*\b{re.escape(name)}\b", documents()))


def test_every_setting_is_documented() -> None:
    assert not (faults := find_undocumented(settings())), format_faults(
        faults, "docs/operate.md shows the generated settings: keep the marker"
    )


def test_every_metric_is_documented() -> None:
    assert not (faults := find_undocumented(metrics())), format_faults(
        faults, "docs/operate.md shows the generated metrics: keep the marker"
    )


def test_every_outcome_is_documented() -> None:
    faults = find_undocumented({outcome.value for outcome in Outcome})
    assert not faults, format_faults(faults, "docs/connect.md shows the generated outcomes: keep the marker")


def test_every_command_is_documented() -> None:
    assert not (faults := find_undocumented(commands())), format_faults(
        faults, "docs/cli.md shows the generated commands: keep the marker"
    )


def test_every_setting_that_is_documented_exists() -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", documents())) - {"LIKE_LEDGER_TEST_DATABASE_URL"}
    faults = sorted(named - settings())
    assert not faults, format_faults(faults, "the documents name a setting that ops/settings.py does not have")


def test_every_metric_that_is_named_anywhere_exists() -> None:
    existing = metrics() | {name + suffix for name in metrics() for suffix in MADE_BY_PROMETHEUS}
    read = {path: text for path, text in texts().items() if path.suffix == ".md" or path.match("ops/deploy/*.yaml")}
    named = set(re.findall(r"\blike_ledger_[a-z_]+\b", "\n".join(read.values()))) - not_metrics()
    faults = sorted(named - existing)
    assert not faults, format_faults(faults, "ops/metrics.py has no metric of that name")


def test_every_command_that_is_named_anywhere_exists() -> None:
    group = {name.split()[0] for name in commands() if " " in name}
    mentions = re.findall(r"\blike-ledger ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?", every_document())
    named = {f"{first} {second}".strip() if first in group else first for first, second in mentions}
    faults = sorted(named - commands() - NOT_COMMANDS)
    assert not faults, format_faults(faults, "ops/cli has no command of that name")


def test_every_file_that_is_named_anywhere_exists() -> None:
    named = set(
        re.findall(r"`((?:ledger|campaigns|ops|sql|tests|docs|requirements)/[\w./-]*\w)/?`", every_document())
    )
    faults = sorted(path for path in named if "NNNN" not in path and not (ROOT / path).exists())
    assert not faults, format_faults(faults, "the repository has no such file")


def every_document() -> str:
    """Return every Markdown file but the changelog, as committed."""
    return "\n".join(text for path, text in texts().items() if path.suffix == ".md" and path.name != "CHANGELOG.md")


def not_metrics() -> set[str]:
    """Return the names of the database roles, which look like metrics."""
    roles = (ROOT / "sql/roles.sql").read_text(encoding="utf-8")
    return set(re.findall(r"\blike_ledger_\w+", roles)) | {"like_ledger_owner", "like_ledger_app"}


def test_every_decision_that_is_cited_is_written() -> None:
    cited = {
        (path, name)
        for path, text in texts().items()
        for name in re.findall(r"\bops/decisions/(\d{4}-[a-z0-9-]+\.md)", text)
    }
    faults = [f"{path}: {name}" for path, name in sorted(cited) if not (ROOT / "ops/decisions" / name).is_file()]
    assert not faults, format_faults(faults, "write the decision (ops/decisions/0001), or cite the one that is meant")


def test_every_metric_is_measured() -> None:
    names = {name for name, metric in vars(Metrics()).items() if hasattr(metric, "_labelnames")}
    measured = {ast.unparse(n.value).split(".")[-1] for s in package_sources() for n in s.nodes if measures(n)}
    faults = [f"ops/metrics.py: {name}" for name in sorted(names - measured)]
    assert not faults, format_faults(faults, "set it where it happens, or take it out")


def measures(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """Return whether a node is `….name.inc`, or another way to give a metric its figure."""
    return isinstance(node, ast.Attribute) and node.attr in {"inc", "set", "observe", "labels"}


def test_every_decision_follows_the_template() -> None:
    pages = {path: text for path, text in texts().items() if path.match("ops/decisions/*.md")}
    faults = [
        str(path)
        for path, text in pages.items()
        if not (page := DECISION.fullmatch(text)) or page["number"] != path.name[:4] or text.count("\n## ") != PARTS
    ]
    assert not faults, format_faults(faults, "title, status and date, context, decision, consequences: see 0001")


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in texts() if path.match("ops/decisions/*.md"))
    assert numbers == list(range(1, len(numbers) + 1)), format_faults(
        [str(numbers)], "each decision has a number of its own, without gaps"
    )


def test_every_member_of_a_promise_is_documented_with_its_default() -> None:
    page = texts()[Path("docs/promise.md")]
    documented = dict(re.findall(r"^\| `([\w.]+)` \| ?(.*?) ?\| .* \|$", page, re.MULTILINE))
    assert documented == dict(members(Promise)), "docs/promise.md, “Every member”"


def members(part: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each member's dotted path with its default as the page writes it; sections are split.

    So is an optional section of which each member has a default.
    """
    for name, member in part.model_fields.items():
        inner = next((a for a in get_args(member.annotation) if a is not type(None)), member.annotation)
        is_section = prefix == "" and isinstance(inner, type) and issubclass(inner, BaseModel)
        if is_section and (
            inner is member.annotation or not any(m.is_required() for m in inner.model_fields.values())
        ):
            yield from members(inner, f"{name}.")
        else:
            yield f"{prefix}{name}", default(member)


def default(member: FieldInfo) -> str:
    if member.is_required():
        return ""
    return "none" if member.default is None else f"`{str(member.default).replace('True', 'true')}`"


def test_the_payouts_page_names_every_state() -> None:
    page = texts()[Path("docs/settle.md")]
    faults = [state.value for state in (*PayoutState, *SettlementState) if f"`{state.value}`" not in page]
    assert not faults, format_faults(faults, "add it to docs/settle.md")


def test_the_concepts_page_names_every_state_of_a_like() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", texts()[Path("docs/concepts.md")], re.MULTILINE)
    assert sorted(rows) == sorted(state.value for state in LikeState)
