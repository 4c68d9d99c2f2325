"""What a decision about a case changes, and whether a second person must agree. Pure."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from campaigns.intake.like_state import LikeVerdict
from campaigns.intake.verdict_change import VerdictChange
from campaigns.review.errors import ReviewRefused
from ledger.person_names import is_same_person

APPEAL = "appeal"  # a verdict of this stage stays as the appeal left it
LIKES_ALONE_MAX = 100  # more likes than these take two people


class Decision(StrEnum):
    """What people can decide about a case."""

    RELEASE = "release"
    VOID = "void"

    @property
    def verdict(self) -> LikeVerdict:
        """Return the verdict that its likes get."""
        return LikeVerdict.RELEASED if self is Decision.RELEASE else LikeVerdict.VOID

    @property
    def outcome(self) -> str:
        """Return the outcome of a case that is decided so."""
        return "released" if self is Decision.RELEASE else "void"


class LikeOfCase(NamedTuple):
    """A like of a case, with its verdict and the stage that set it."""

    content: str
    person: bytes
    verdict: LikeVerdict | None
    is_suspect: bool
    families: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    stage: str | None = None

    @property
    def is_held(self) -> bool:
        """Return whether rules hold it, so that it does not count."""
        return self.verdict is LikeVerdict.HELD or (self.verdict is None and self.is_suspect)


class DecisionPlan(NamedTuple):
    """The changes of verdict, and why a second person must agree; None: nobody else need."""

    changes: list[VerdictChange]
    approval_reason: str | None


class CaseState(NamedTuple):
    """What a decision depends on besides the likes."""

    case_id: str
    family: str
    rule: str
    outcome: str | None
    hash: bytes
    deciders: Collection[str]  # people who took part in a decision about it


def check_decision(case: CaseState, decision: Decision, known_hash: str | None, people: Sequence[str]) -> None:
    """Raise ReviewRefused if the case cannot be decided so by these people.

    A decided case can be decided otherwise, by others, who name its hash.
    """
    if case.outcome == "cleared":
        raise ReviewRefused("case_is_cleared", case=case.case_id)
    if case.outcome == decision.outcome or (case.outcome is not None and known_hash is None):
        raise ReviewRefused("case_already_decided", case=case.case_id, outcome=case.outcome)
    if known_hash is not None and known_hash != case.hash.hex():
        raise ReviewRefused("case_has_changed", case=case.case_id)
    for person in people:
        if any(is_same_person(person, decider) for decider in case.deciders):
            raise ReviewRefused("case_decided_by_same_person", case=case.case_id, name=person)


def plan_decision(
    case: CaseState,
    likes: Sequence[LikeOfCase],
    decision: Decision,
    *,
    at_stake_minor: int,
    threshold_minor: int,
) -> DecisionPlan:
    """Return what a decision changes, and whether it takes two people.

    More likes or money than one person may move, counted likes that become void, and void likes
    that count again take two.
    """
    verdict = decision.verdict
    moving = [like for like in likes if like.verdict is not verdict and like.stage != APPEAL]
    changes = [
        VerdictChange(like.content, like.person, verdict, like.families or (case.family,), like.rules or (case.rule,))
        for like in moving
    ]
    return DecisionPlan(changes, _approval_reason(moving, decision, at_stake_minor, threshold_minor))


def _approval_reason(
    moving: Sequence[LikeOfCase], decision: Decision, at_stake_minor: int, threshold_minor: int
) -> str | None:
    if decision is Decision.VOID and any(not like.is_held for like in moving):
        return "likes that count become void"
    if decision is Decision.RELEASE and any(like.verdict is LikeVerdict.VOID for like in moving):
        return "void likes count again"
    if len(moving) > LIKES_ALONE_MAX:
        return "the case has many likes"
    if at_stake_minor > threshold_minor:
        return "the case is about much money"
    return None


def count_verdicts(verdicts: Mapping[str, int]) -> dict[str, int]:
    """Return the number of likes by verdict, without empty groups; `none` for those without one."""
    return {name or "none": likes for name, likes in sorted(verdicts.items()) if likes}
