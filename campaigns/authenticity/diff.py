"""The differences of two rulesets, and whether each holds fewer likes or more."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from campaigns.authenticity.kinds import KINDS
from campaigns.authenticity.ruleset import Rule, Ruleset
from campaigns.promise.diff import FieldChange, diff_objects

Effect = Literal["looser", "stricter", "none", "either"]


class RulesetChange(NamedTuple):
    """A value that differs, by its path, and its effect; `either` may be looser."""

    change: FieldChange
    effect: Effect


def diff_rulesets(old: Ruleset | None, new: Ruleset) -> list[RulesetChange]:
    """Return each value that differs, rules by their id. Pure."""
    head = _head(old) if old else None
    changes = [RulesetChange(change, _head_effect(change)) for change in diff_objects(head, _head(new), "")]
    return [*changes, *_rule_changes({rule.id: rule for rule in old.rules} if old else {}, new)]


def loosens(changes: list[RulesetChange]) -> bool:
    """Return whether a change may hold fewer likes: such a ruleset needs a second person. Pure."""
    return any(change.effect in {"looser", "either"} for change in changes)


def makes_live(old: Ruleset | None, new: Ruleset) -> bool:
    """Return whether a rule is live in the new ruleset that was not live before. Pure."""
    live = {rule.id for rule in old.rules if rule.mode == "live"} if old else set()
    return any(rule.mode == "live" and rule.id not in live for rule in new.rules)


def _head(ruleset: Ruleset) -> dict[str, object]:
    return ruleset.model_dump(mode="json", exclude={"rules"})


def _head_effect(change: FieldChange) -> Effect:
    is_text = change.path.startswith(("ruleset.version", "ruleset.reason"))
    return "none" if is_text or change.before is None else "either"


def _rule_changes(old: dict[str, Rule], new: Ruleset) -> Iterator[RulesetChange]:
    for rule in new.rules:
        before = old.pop(rule.id, None)
        for change in diff_objects(_fields(before) if before else None, _fields(rule), ""):
            yield RulesetChange(change, _effect(before, rule, change))
    for rule in old.values():
        for change in diff_objects(_fields(rule), None, ""):
            yield RulesetChange(change, "looser" if rule.mode == "live" else "none")


def _fields(rule: Rule) -> dict[str, object]:
    return {"rules": {rule.id: rule.model_dump(mode="json", exclude={"id"})}}


def _effect(before: Rule | None, after: Rule, change: FieldChange) -> Effect:
    field = change.path.removeprefix(f"rules.{after.id}.")
    if before is None:
        return "stricter" if after.mode == "live" else "none"
    if field.startswith("message") or "live" not in {before.mode, after.mode}:
        return "none"
    if field in {"mode", "established"}:
        return "stricter" if change.after in {"live", "hold"} else "looser"
    return _number_effect(before, after, field) if field.startswith("numbers.") else "either"


def _number_effect(before: Rule, after: Rule, field: str) -> Effect:
    if before.kind_name != after.kind_name:
        return "either"
    name = field.removeprefix("numbers.")
    rises = after.numbers[name] > before.numbers[name]
    return "stricter" if rises == (KINDS[after.kind_name].numbers[name].stricter == "higher") else "looser"
