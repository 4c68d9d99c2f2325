"""What becomes of a rule's hits: held, a case for people, or only a finding.

Shadow rules hold nothing. A rule holds nothing of a platform's day that carries its signals on
fewer than half of the likes. Established people, and those with few points, become a case where
the rule says so. A rule that would hold too many established people of a day holds nothing at all.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from campaigns.authenticity.critical import share_bp
from campaigns.authenticity.kinds import Signal
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.rule_input import Hit, Score
from campaigns.authenticity.ruleset import Rule
from campaigns.authenticity.window import Window

COVERAGE_BP = 5_000
BREAKER_SHARE_BP = 500
BREAKER_PEOPLE = 20


class Coverage(NamedTuple):
    """The signals that too few likes of a platform's day carry."""

    missing: Mapping[tuple[str, int], frozenset[Signal]]


class Part(NamedTuple):
    """The likes that one hit is about, by what becomes of them."""

    evidence: Mapping[str, int]
    held_likes: frozenset[int]
    case_likes: frozenset[int]
    recorded_likes: frozenset[int]


class Effects(NamedTuple):
    """The parts of a rule's hits, and the days whose settlement waits because of it."""

    hits: list[Part]
    waiting_days: frozenset[int]


def find_coverage(window: Window) -> Coverage:
    """Return the signals that fewer than half of a platform's likes of a day carry. Pure."""
    likes: Counter[tuple[str, int]] = Counter()
    carried: Counter[tuple[tuple[str, int], Signal]] = Counter()
    for like, day in zip(window.likes, window.day, strict=True):
        key = (like.platform, day)
        likes[key] += 1
        carried.update((key, signal) for signal in _signals(like))
    signals: tuple[Signal, ...] = ("device", "network", "account_age_days", "watch_ms", "duration_ms", "flags")
    return Coverage(
        {
            key: frozenset(signal for signal in signals if share_bp(carried[key, signal], count) < COVERAGE_BP)
            for key, count in likes.items()
        }
    )


def apply_breaker(
    window: Window, rule: Rule, hits: list[Hit], coverage: Coverage, scores: Sequence[Score] = ()
) -> Effects:
    """Return what becomes of a rule's hits. Without `scores` nobody has too few points. Pure."""
    parts = [_part(window, rule, hit, coverage, scores) for hit in hits]
    days = _days_beyond_breaker(window, parts)
    if not days:
        return Effects(parts, days)
    cases = [part._replace(held_likes=frozenset(), case_likes=part.held_likes | part.case_likes) for part in parts]
    return Effects(cases, days)


def sort_likes(window: Window, likes: Iterable[int]) -> tuple[tuple[bytes, str], ...]:
    """Return the keys of likes, sorted: person and content. Pure."""
    return tuple(sorted((window.likes[like].person, window.likes[like].content) for like in likes))


def _part(window: Window, rule: Rule, hit: Hit, coverage: Coverage, scores: Sequence[Score]) -> Part:
    likes = hit.pushed if hit.is_about_likes else _likes_of(window, hit.persons)
    judged = frozenset(like for like in likes if rule.mode == "live" and _is_covered(window, like, rule, coverage))
    spared = frozenset(like for like in judged if _is_spared(window, rule, window.person[like], scores))
    return Part(hit.evidence, judged - spared, spared, frozenset(likes) - judged)


def _is_spared(window: Window, rule: Rule, person: int, scores: Sequence[Score]) -> bool:
    has_few_points = bool(scores and rule.points_from) and scores[person].total < rule.points_from
    return has_few_points or (rule.established == "case" and window.is_established[person])


def _likes_of(window: Window, persons: frozenset[int]) -> frozenset[int]:
    return frozenset(like for person in persons for like in window.person_likes[person])


def _is_covered(window: Window, like: int, rule: Rule, coverage: Coverage) -> bool:
    return coverage.missing[window.likes[like].platform, window.day[like]].isdisjoint(rule.needs)


def _days_beyond_breaker(window: Window, parts: list[Part]) -> frozenset[int]:
    """Return the days on which the rule would hold too many established people."""
    people_held: dict[int, set[int]] = defaultdict(set)
    for like in frozenset[int]().union(*(part.held_likes for part in parts)):
        if window.is_established[window.person[like]]:
            people_held[window.day[like]].add(window.person[like])
    crowded = {day: people for day, people in people_held.items() if len(people) >= BREAKER_PEOPLE}
    if not crowded:
        return frozenset()
    present: dict[int, set[int]] = defaultdict(set)
    for person, day in zip(window.person, window.day, strict=True):
        if window.is_established[person] and day in crowded:
            present[day].add(person)
    return frozenset(
        day for day, people in crowded.items() if share_bp(len(people), len(present[day])) > BREAKER_SHARE_BP
    )


def _signals(like: Observation) -> list[Signal]:
    """Return the signals that an observation carries."""
    carried: list[tuple[Signal, bool]] = [
        ("device", like.device is not None),
        ("network", like.network is not None),
        ("account_age_days", like.account_age_days is not None),
        ("watch_ms", like.watch_ms is not None),
        ("duration_ms", like.duration_ms is not None),
        ("flags", like.followed is not None or like.commented is not None or like.shared is not None),
    ]
    return [signal for signal, is_carried in carried if is_carried]
