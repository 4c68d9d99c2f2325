"""The engine: observations and a ruleset in, findings and verdicts out. Pure, integers only.

The same observations and ruleset give the same result, byte for byte: in any order of arrival, any
batches and any number of repeats. A like is judged by the observation of its earliest event.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from campaigns.authenticity.effects import Coverage, Effects, Part, apply_breaker, find_coverage, sort_likes
from campaigns.authenticity.observation import Observation, earliest_by_like
from campaigns.authenticity.observation_columns import ObservationColumns
from campaigns.authenticity.rule_input import FindHits, Hit, RuleInput, Score
from campaigns.authenticity.rules.crowd import find_content_crowds, find_network_crowds
from campaigns.authenticity.rules.device import find_device_crowds, find_rotations
from campaigns.authenticity.rules.gatherings import find_gatherings
from campaigns.authenticity.rules.intake import (
    has_too_many_loops,
    is_new_and_unwatched,
    list_new_and_unwatched,
    list_too_many_loops,
)
from campaigns.authenticity.rules.lockstep import find_network_mates, find_slot_pairs
from campaigns.authenticity.rules.pace import find_bursts, find_clocks
from campaigns.authenticity.rules.score import find_scored, score_people
from campaigns.authenticity.rules.session import find_strange_sessions
from campaigns.authenticity.ruleset import Rule, Ruleset
from campaigns.authenticity.traits import find_traits
from campaigns.authenticity.window import Established, Window, build_window

LikeKey = tuple[bytes, str]  # person and content

SCORE_KIND = "score.person"
WINDOW_RULES: Mapping[str, FindHits] = {
    "pace.burst": find_bursts,
    "pace.clock": find_clocks,
    "device.crowd": find_device_crowds,
    "device.rotation": find_rotations,
    "lockstep.slots": find_slot_pairs,
    "lockstep.network": find_network_mates,
    "session.strange": find_strange_sessions,
    "crowd.content": find_content_crowds,
    "crowd.network": find_network_crowds,  # reads the live findings of `crowd.content`
    SCORE_KIND: find_scored,  # reads whom all live rules before it hold
}
INTAKE_RULES: Mapping[str, Callable[[Observation, Mapping[str, int]], bool]] = {
    "unwatched.new": is_new_and_unwatched,
    "watch.loops": has_too_many_loops,
}

# The same rules over columns of ages, times watched and lengths.
INTAKE_COLUMN_RULES: Mapping[str, Callable[..., list[int]]] = {
    "unwatched.new": list_new_and_unwatched,
    "watch.loops": list_too_many_loops,
}


class RuleFailed(Exception):
    """A rule raised an exception: the pass fails, and settlements wait. `rule` is its id."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"the rule {rule} failed")
        self.rule = rule


class Finding(NamedTuple):
    """A rule's hit with its evidence in counts, and what becomes of the likes it is about.

    `held_likes` are quarantined. `case_likes` count until people decide. `recorded_likes` are
    those of a shadow rule, or of a platform's day that carries too few signals.
    """

    rule: str
    family: str
    evidence: tuple[tuple[str, int], ...]
    held_likes: tuple[LikeKey, ...]
    case_likes: tuple[LikeKey, ...]
    recorded_likes: tuple[LikeKey, ...]


class Verdict(NamedTuple):
    """What the rules decided about a like that they hold: families and rules, sorted."""

    person: bytes
    content: str
    day: int
    families: tuple[str, ...]
    rules: tuple[str, ...]


class Judgement(NamedTuple):
    """The result of a pass.

    `verdicts` are sorted by person and content: likes without one are not held. `waiting_days` are
    days (`date.toordinal`) whose settlement waits for a reviewer, because a rule would have held
    too many established people; `breakers` are those rules. `not_judged` names the rules that judge
    nothing of a platform's day.
    """

    likes: int
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    waiting_days: tuple[int, ...]
    breakers: tuple[str, ...]
    not_judged: tuple[tuple[str, int, str], ...]


def judge_one(observation: Observation, ruleset: Ruleset) -> list[str]:
    """Return the ids of the live intake rules that hold one observation. Pure.

    A rule that raises an exception holds it too: intake fails closed.
    """
    return [
        rule.id
        for rule in ruleset.rules
        if rule.stage == "intake" and rule.mode == "live" and _holds(rule, observation)
    ]


def find_held(observed: ObservationColumns, numbers: Sequence[int], ruleset: Ruleset) -> set[int]:
    """Return those of the observations that some live intake rule holds, as `judge_one` does. Pure.

    `numbers` select the observations with signals, ascending.
    """
    suspects: set[int] = set()
    if not numbers:
        return suspects
    first = numbers[0]
    columns = [column[first:] for column in (observed.ages, observed.watches, observed.durations)]
    for rule in ruleset.rules:
        if rule.stage == "intake" and rule.mode == "live":
            try:
                suspects.update(
                    first + number for number in INTAKE_COLUMN_RULES[rule.kind_name](*columns, rule.numbers)
                )
            except Exception:  # noqa: BLE001 - a broken rule must not let a like through
                suspects.update(number for number in numbers if _holds(rule, observed.row(number)))
    return suspects


def judge(observations: Iterable[Observation], ruleset: Ruleset, timezone: str) -> Judgement:
    """Return findings and verdicts over all observations of a campaign that a pass reads. Pure.

    Raises RuleFailed if a rule raises an exception.
    """
    people = ruleset.ruleset.established
    likes = earliest_by_like(list(observations))
    window = build_window(likes, timezone, Established(people.days, people.likes))
    coverage = find_coverage(window)
    effects = _find_effects(window, ruleset, coverage)
    findings = [_finding(window, rule, effect) for rule in ruleset.rules for effect in effects[rule.id].hits]
    return Judgement(
        likes=len(likes),
        verdicts=tuple(_verdicts(window, ruleset, effects)),
        findings=tuple(sorted(findings)),
        waiting_days=tuple(sorted({day for effect in effects.values() for day in effect.waiting_days})),
        breakers=tuple(sorted(rule_id for rule_id, effect in effects.items() if effect.waiting_days)),
        not_judged=tuple(_not_judged(ruleset, coverage)),
    )


def digest(verdicts: Sequence[Verdict]) -> str:
    """Return the SHA-256 over the verdicts, in hex: one line a verdict, sorted by person and content.

    A line is person (hex), content (hex of its UTF-8), families and rules, parted by tabs. Pure.
    """
    lines = (
        f"{verdict.person.hex()}\t{verdict.content.encode().hex()}\t{' '.join(verdict.families)}"
        f"\t{' '.join(verdict.rules)}\n"
        for verdict in sorted(verdicts)
    )
    return sha256("".join(lines).encode()).hexdigest()


def _holds(rule: Rule, observation: Observation) -> bool:
    try:
        return INTAKE_RULES[rule.kind_name](observation, rule.numbers)
    except Exception:  # noqa: BLE001 - a broken rule must not let a like through
        return True


def _find_effects(window: Window, ruleset: Ruleset, coverage: Coverage) -> dict[str, Effects]:
    """Return what each rule does: first those that find by themselves, then by the points of people."""
    traits = find_traits(window, ruleset.traits)
    inputs = RuleInput(
        window=window,
        traits=traits,
        gatherings=find_gatherings(window, traits),
        critical=ruleset.critical,
        uncovered=coverage.missing,
    )
    hits: dict[str, list[Hit]] = {}
    for rule in _in_order(ruleset):
        if rule.kind_name == SCORE_KIND and not inputs.scores:
            inputs = inputs._replace(scores=_score(rule, inputs, ruleset))
        hits[rule.id] = _find_hits(rule, inputs)
        if rule.mode == "live" and rule.kind_name == "crowd.content":
            inputs = inputs._replace(pushed=inputs.pushed.union(*(hit.pushed for hit in hits[rule.id])))
        hits[rule.id] = [hit for hit in hits[rule.id] if hit.persons]
        inputs = inputs._replace(suspects=inputs.suspects | _people_held(window, rule, hits[rule.id], coverage))
    return {rule.id: apply_breaker(window, rule, hits[rule.id], coverage, inputs.scores) for rule in ruleset.rules}


def _in_order(ruleset: Ruleset) -> list[Rule]:
    """Return the rules so that those which read what others found come after them."""
    order = list(WINDOW_RULES)
    return sorted(ruleset.rules, key=lambda rule: order.index(rule.kind_name) if rule.stage == "window" else -1)


def _score(rule: Rule, inputs: RuleInput, ruleset: Ruleset) -> list[Score]:
    try:
        return score_people(inputs, ruleset.scorecards)
    except Exception as error:
        raise RuleFailed(rule.id) from error


def _find_hits(rule: Rule, inputs: RuleInput) -> list[Hit]:
    try:
        if rule.stage == "intake":
            return _intake_hits(inputs.window, rule)
        return WINDOW_RULES[rule.kind_name](inputs, rule.numbers)
    except Exception as error:
        raise RuleFailed(rule.id) from error


def _people_held(window: Window, rule: Rule, hits: list[Hit], coverage: Coverage) -> frozenset[int]:
    """Return the people whom a rule would hold with all their likes: the scorecard judges others by them."""
    if rule.stage == "intake" or rule.kind_name == SCORE_KIND:
        return frozenset()
    parts = apply_breaker(window, rule, [hit for hit in hits if not hit.is_about_likes], coverage).hits
    return frozenset(window.person[like] for part in parts for like in part.held_likes)


def _intake_hits(window: Window, rule: Rule) -> list[Hit]:
    """Return a hit for each like: one observation says nothing of the person's other likes."""
    holds = INTAKE_RULES[rule.kind_name]
    return [
        Hit(frozenset({window.person[number]}), {"likes": 1}, frozenset({number}), is_about_likes=True)
        for number, like in enumerate(window.likes)
        if holds(like, rule.numbers)
    ]


def _finding(window: Window, rule: Rule, effect: Part) -> Finding:
    groups = (sort_likes(window, likes) for likes in (effect.held_likes, effect.case_likes, effect.recorded_likes))
    return Finding(rule.id, rule.family, tuple(sorted(effect.evidence.items())), *groups)


def _verdicts(window: Window, ruleset: Ruleset, effects: Mapping[str, Effects]) -> list[Verdict]:
    rules: dict[int, list[Rule]] = defaultdict(list)
    for rule in ruleset.rules:
        for like in {like for part in effects[rule.id].hits for like in part.held_likes}:
            rules[like].append(rule)
    return sorted(
        Verdict(
            person=window.likes[like].person,
            content=window.likes[like].content,
            day=window.day[like],
            families=tuple(sorted({rule.family for rule in by})),
            rules=tuple(sorted(rule.id for rule in by)),
        )
        for like, by in rules.items()
    )


def _not_judged(ruleset: Ruleset, coverage: Coverage) -> list[tuple[str, int, str]]:
    return sorted(
        (platform, day, rule.id)
        for (platform, day), missing in coverage.missing.items()
        for rule in ruleset.rules
        if missing.intersection(rule.needs)
    )
