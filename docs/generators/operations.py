"""Tables for operators: settings, metrics, alerts, outcomes, and the roles of commands."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from campaigns.intake.like_state import REASONS
from docs.generators.markdown import code, sentence, table
from docs.generators.repository import ROOT
from ops.admin import registry
from ops.metrics import Metrics
from ops.settings import PREFIX, Settings

_ALERTS = ROOT / "ops/deploy/alerts.yaml"


def settings() -> str:
    """Return a table of every setting with its default."""
    rows = [
        (code(PREFIX + name.upper()), _default(field.default), sentence(field.description or ""))
        for name, field in Settings.model_fields.items()
    ]
    return table(("setting", "default", "meaning"), rows)


def _default(default: Any) -> str:
    if default is None or isinstance(default, SecretStr):
        return "–"
    return code(f"./{default}" if isinstance(default, Path) else str(default))


def metrics() -> str:
    """Return a table of every metric, named as Prometheus shows it."""
    service_metrics = Metrics()
    labels = {
        name: metric._labelnames  # noqa: SLF001 - the library shows labels only with their first value
        for metric in vars(service_metrics).values()
        if hasattr(metric, "_labelnames")
        for name in [metric._name]  # noqa: SLF001 - as above
    }
    rows = []
    for family in service_metrics.registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        names = f"{{{','.join(labels[family.name])}}}" if labels.get(family.name) else ""
        rows.append((code(name + names), family.type, sentence(family.documentation)))
    return table(("metric", "type", "meaning"), rows)


def alerts() -> str:
    """Return a table of every alert rule: severity, meaning and action."""
    rules = yaml.safe_load(_ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    rows = [
        (
            code(rule["alert"]),
            rule["labels"]["severity"],
            rule["annotations"]["summary"],
            rule["annotations"]["action"],
        )
        for rule in rules
    ]
    return table(("alert", "severity", "meaning", "action"), rows)


def outcomes() -> str:
    """Return a table of every outcome of a like, in the words of the responses."""
    return table(
        ("outcome", "meaning"), [(code(outcome.value), sentence(reason)) for outcome, reason in REASONS.items()]
    )


def commands() -> str:
    """Return a table of every command: the roles that may call it and approve it."""
    rows = [
        (code(command.name), sentence(command.summary), _roles(command.roles), _roles(command.approvers, owner=False))
        for command in registry.COMMANDS
    ]
    return table(("command", "effect", "roles", "approvers"), rows)


def _roles(roles: frozenset[Any], *, owner: bool = True) -> str:
    return ", ".join(sorted({*roles, *(["owner"] if owner or roles else [])})) or "–"
