"""Which case a like belongs to: a pure function of findings, likes and the open cases.

A held like belongs to one open case. A person who is in an open case stays in it. Everybody else
goes to the finding that holds most of the person's likes, and with it into the open case that has
most of its people, or into a new one. Likes that count until people decide have cases of their own.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from campaigns.authenticity.engine import Finding, LikeKey

_ID_CHARS = 20


class CaseKind(NamedTuple):
    """What happens to the likes of a case until people decide."""

    is_counting: bool = False
    is_breaker: bool = False  # a rule would have held too many established people: the settlement waits


HELD = CaseKind()
COUNTING = CaseKind(is_counting=True)
BREAKER = CaseKind(is_counting=True, is_breaker=True)


class OpenCase(NamedTuple):
    """An open case and its people."""

    case_id: str
    kind: CaseKind
    people: frozenset[bytes]


class CaseChange(NamedTuple):
    """Likes that come into a case; `is_new`: it is opened for them."""

    case_id: str
    is_new: bool
    kind: CaseKind
    rule: str
    family: str
    evidence: Mapping[str, int]
    likes: tuple[LikeKey, ...]  # sorted


class CaseInput(NamedTuple):
    """What `plan_cases` reads; `held_likes` and `counting_likes` are the likes that need a case."""

    findings: Sequence[Finding]
    held_likes: Collection[LikeKey]
    counting_likes: Collection[LikeKey]
    open_cases: Sequence[OpenCase]
    breakers: Collection[str] = ()  # rules that would have held too many established people


def plan_cases(cases: CaseInput, slug: str, now: datetime) -> list[CaseChange]:
    """Return the cases that likes come into, in the order of findings. Pure."""
    left = {HELD: set(cases.held_likes), BREAKER: set(cases.counting_likes), COUNTING: set(cases.counting_likes)}
    changes: list[CaseChange] = []
    for kind, likes in left.items():
        wanted = likes.difference(*(change.likes for change in changes))
        cases_of = _cases_by_person(case for case in cases.open_cases if case.kind == kind)
        stay, others = _stay(wanted, cases_of)
        parts = [(finding, others & _likes_of(finding, kind, cases.breakers)) for finding in cases.findings]
        changes += [_stay_in(kind, case_id, keys) for case_id, keys in stay]
        changes += [_join_or_open(kind, *part, cases_of, slug, now) for part in _choose(parts)]
    return _merge(changes)


def _likes_of(finding: Finding, kind: CaseKind, breakers: Collection[str]) -> set[LikeKey]:
    """Return the likes of a finding that a case of this kind can be about.

    The `case_likes` of a rule that tripped the breaker make settlements wait. Likes of settled days
    that a finding would hold count on.
    """
    if kind == HELD:
        return set(finding.held_likes)
    if kind == BREAKER:
        return set(finding.case_likes) if finding.rule in breakers else set()
    return {*finding.held_likes, *finding.case_likes}


def _cases_by_person(open_cases: Iterable[OpenCase]) -> Mapping[bytes, list[str]]:
    """Return the ids of each person's cases, sorted."""
    cases_of: dict[bytes, list[str]] = defaultdict(list)
    for case in sorted(open_cases, key=lambda case: case.case_id):
        for person in case.people:
            cases_of[person].append(case.case_id)
    return cases_of


def _stay(
    likes: set[LikeKey], cases_of: Mapping[bytes, list[str]]
) -> tuple[list[tuple[str, tuple[LikeKey, ...]]], set[LikeKey]]:
    """Return the likes of people who are in an open case, by its id, and the other likes."""
    members: dict[str, list[LikeKey]] = defaultdict(list)
    for key in sorted(likes):
        if key[0] in cases_of:
            members[cases_of[key[0]][0]].append(key)
    stay = [(case_id, tuple(keys)) for case_id, keys in sorted(members.items())]
    return stay, likes.difference(*members.values())


def _stay_in(kind: CaseKind, case_id: str, likes: tuple[LikeKey, ...]) -> CaseChange:
    return CaseChange(case_id, is_new=False, kind=kind, rule="", family="", evidence={}, likes=likes)


def _choose(parts: Sequence[tuple[Finding, set[LikeKey]]]) -> list[tuple[Finding, tuple[LikeKey, ...]]]:
    """Return findings with the likes of the people who belong to each, sorted.

    A person belongs to the finding with most of the person's likes; a tie goes to the lesser rule id.
    """
    ranked = sorted((part for part in parts if part[1]), key=lambda part: part[0])  # by rule id first
    best: dict[bytes, tuple[int, int]] = {}
    likes_of_person: dict[bytes, set[LikeKey]] = defaultdict(set)
    for rank, (_, likes) in enumerate(ranked):
        for person, count in Counter(person for person, _ in likes).items():
            best[person] = min(best.get(person, (0, 0)), (-count, rank))
        for key in likes:
            likes_of_person[key[0]].add(key)
    members: dict[int, set[LikeKey]] = defaultdict(set)
    for person, (_, rank) in best.items():
        members[rank] |= likes_of_person[person]
    return [(ranked[rank][0], tuple(sorted(keys))) for rank, keys in sorted(members.items())]


def _join_or_open(
    kind: CaseKind,
    finding: Finding,
    likes: tuple[LikeKey, ...],
    cases_of: Mapping[bytes, list[str]],
    slug: str,
    now: datetime,
) -> CaseChange:
    """Return the change of the open case that has most of the finding's people, or of a new case."""
    people = {person for person, _ in (*finding.held_likes, *finding.case_likes)}
    shared = Counter(case_id for person in people for case_id in cases_of.get(person, ()))
    is_new = not shared
    new_id = make_case_id(slug, finding.rule, kind, likes[0], now)
    case_id = min(shared, key=lambda case_id: (-shared[case_id], case_id), default=new_id)
    return CaseChange(case_id, is_new, kind, finding.rule, finding.family, dict(finding.evidence), likes)


def _merge(changes: Sequence[CaseChange]) -> list[CaseChange]:
    """Return one change a case, with the greatest of each count of the evidence."""
    merged: dict[str, CaseChange] = {}
    for change in changes:
        first = merged.get(change.case_id)
        merged[change.case_id] = change if first is None else _add(first, change)
    return list(merged.values())


def _add(first: CaseChange, second: CaseChange) -> CaseChange:
    names = sorted({*first.evidence, *second.evidence})
    return first._replace(
        rule=first.rule or second.rule,
        family=first.family or second.family,
        evidence={name: max(first.evidence.get(name, 0), second.evidence.get(name, 0)) for name in names},
        likes=tuple(sorted({*first.likes, *second.likes})),
    )


def make_case_id(slug: str, rule: str, kind: CaseKind, first: LikeKey, opened_at: datetime) -> str:
    """Return the id of a new case: `cas_` and 20 hex digits, the same for the same finding. Pure."""
    person, content = first
    text = "\n".join([slug, rule, repr(tuple(kind)), person.hex(), content, opened_at.isoformat()])
    return f"cas_{sha256(text.encode()).hexdigest()[:_ID_CHARS]}"
