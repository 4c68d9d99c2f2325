"""A change of verdict about a like, and where it comes from."""

from datetime import datetime
from typing import Literal, NamedTuple

from campaigns.intake.like_state import LikeVerdict


class VerdictChange(NamedTuple):
    """A verdict about one like."""

    content: str
    person: bytes
    verdict: LikeVerdict
    families: tuple[str, ...]  # of the rules that found the like
    rules: tuple[str, ...]


class VerdictSource(NamedTuple):
    """Who decided, by which ruleset, and when."""

    ruleset: int
    stage: str  # intake, window, closing, case, undecided or appeal
    decided_by: Literal["rules", "people"]
    decided_at: datetime
