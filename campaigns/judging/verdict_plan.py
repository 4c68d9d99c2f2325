"""Which verdicts a pass changes: a pure function of what it found and what is stored.

Rules change likes of days that no settlement took, and never what people decided. An interim pass
only holds; a closing pass also clears what the rules held before and do not find any more.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import NamedTuple

from campaigns.authenticity.engine import Judgement, LikeKey
from campaigns.authenticity.ruleset import Ruleset
from campaigns.intake.like_state import FINAL_VERDICTS, LikeVerdict
from campaigns.intake.verdict_change import VerdictChange


class StoredLike(NamedTuple):
    """What is stored of a like that a pass concerns."""

    day: date | None  # None: only an unlike has arrived
    verdict: LikeVerdict | None
    is_suspect: bool
    families: tuple[str, ...] = ()  # of its verdict
    rules: tuple[str, ...] = ()
    ruleset: int = 0


class VerdictPlan(NamedTuple):
    """The changes of a pass.

    `late_likes` are found, but a settlement took their day: they count until people decide.
    """

    holds: list[VerdictChange]
    clears: list[VerdictChange]
    late_likes: list[LikeKey]


def plan_verdicts(
    judgement: Judgement,
    stored: Mapping[LikeKey, StoredLike],
    seen: Collection[LikeKey],
    settled_upto: date,
    ruleset: Ruleset,
) -> VerdictPlan:
    """Return the changes of a closing pass, sorted by person and content. Pure.

    `seen` are the likes whose observation the pass read: without it a like keeps its verdict.
    """
    found_likes = {(verdict.person, verdict.content) for verdict in judgement.verdicts}
    families = _families_by_like(judgement, {key for key in seen if key not in found_likes})
    clears = [
        _clear(key, like, families.get(key, ()), ruleset)
        for key, like in sorted(stored.items())
        if key in seen and key not in found_likes and _is_open(like, settled_upto) and is_held(like)
    ]
    holds = [
        change
        for change in plan_holds(judgement, stored, settled_upto)
        if not _is_same(stored[change.person, change.content], change, ruleset)
    ]
    late = [key for key in sorted(found_likes) if key in stored and _is_late(stored[key], settled_upto)]
    return VerdictPlan(holds, clears, late)


def plan_holds(
    judgement: Judgement, stored: Mapping[LikeKey, StoredLike], settled_upto: date, *, only_new: bool = False
) -> list[VerdictChange]:
    """Return the likes that a pass holds, sorted by person and content. Pure.

    With `only_new` those that the rules hold already are left out.
    """
    return [
        VerdictChange(verdict.content, verdict.person, LikeVerdict.HELD, verdict.families, verdict.rules)
        for verdict in judgement.verdicts
        if (like := stored.get((verdict.person, verdict.content))) is not None
        and _is_open(like, settled_upto)
        and not (only_new and like.verdict is LikeVerdict.HELD)
    ]


def _is_same(like: StoredLike, change: VerdictChange, ruleset: Ruleset) -> bool:
    """Return whether the stored verdict says the same, so that nothing is written."""
    stored = like.verdict, like.families, like.rules, like.ruleset
    return stored == (change.verdict, change.families, change.rules, ruleset.ruleset.version)


def is_held(like: StoredLike) -> bool:
    """Return whether rules hold the like: those of a window, or those of intake alone. Pure."""
    return like.verdict is LikeVerdict.HELD or (like.verdict is None and like.is_suspect)


def is_only_intake(change: VerdictChange, ruleset: Ruleset) -> bool:
    """Return whether only rules of intake found the like. Pure."""
    stages = {rule.id: rule.stage for rule in ruleset.rules}
    return all(stages[rule] == "intake" for rule in change.rules)


def _is_open(like: StoredLike, settled_upto: date) -> bool:
    return like.day is not None and like.day > settled_upto and like.verdict not in FINAL_VERDICTS


def _is_late(like: StoredLike, settled_upto: date) -> bool:
    return (
        like.day is not None and like.day <= settled_upto and like.verdict not in FINAL_VERDICTS and not is_held(like)
    )


def _clear(key: LikeKey, like: StoredLike, families: tuple[str, ...], ruleset: Ruleset) -> VerdictChange:
    """Return the change that clears a like; its families stay those that held it."""
    intake = tuple(sorted({rule.family for rule in ruleset.rules if rule.stage == "intake"}))
    named = like.families or families or intake or tuple(ruleset.families)
    person, content = key
    return VerdictChange(content, person, LikeVerdict.CLEARED, named, like.rules)


def _families_by_like(judgement: Judgement, keys: set[LikeKey]) -> dict[LikeKey, tuple[str, ...]]:
    """Return the families that found a like without holding it, sorted."""
    families: dict[LikeKey, set[str]] = {}
    for finding in judgement.findings:
        for key in keys.intersection(_all_likes(finding.case_likes, finding.recorded_likes)):
            families.setdefault(key, set()).add(finding.family)
    return {key: tuple(sorted(names)) for key, names in families.items()}


def _all_likes(*groups: Iterable[LikeKey]) -> Iterable[LikeKey]:
    for group in groups:
        yield from group
