"""Terms: a version of the promise as the engine uses it, and the version in force on a day."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Share:
    """A beneficiary's part of what is pledged under these terms, in basis points."""

    charity: str
    share_bp: int


@dataclass(frozen=True, slots=True)
class Terms:
    """A version, in force from the start of `from_day` (a campaign day) until the next one."""

    version: int
    from_day: date
    amount_minor: int
    per_likes: int
    daily_cap_minor: int | None = None
    likes_per_person_per_day: int | None = None
    shares: tuple[Share, ...] = field(default=())
    quality_from: int = 0  # likes of a lower score count nothing

    @property
    def rate(self) -> Fraction:
        """Minor units per like, exactly."""
        return Fraction(self.amount_minor, self.per_likes)


def versions_in_force(versions: Sequence[Terms]) -> list[Terms]:
    """Return the versions that are ever in force, oldest first.

    Of several from one day, the newest wins. Pure.
    """
    newest = {terms.from_day: terms for terms in sorted(versions, key=lambda terms: terms.version)}
    return [newest[day] for day in sorted(newest)]


def terms_on_day(versions: Sequence[Terms], day: date) -> Terms:
    """Return the version in force on `day`, from `versions` as `versions_in_force` returns them.

    Raises LookupError before the first version. Pure.
    """
    position = bisect_right([terms.from_day for terms in versions], day)
    if position == 0:
        raise LookupError(f"no terms are in force on {day}")
    return versions[position - 1]
