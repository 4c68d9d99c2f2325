"""A forecast of likes per day: flat, along a curve, or like a past campaign. Pure and exact.

Days are whole likes without drift: the running sum is exact and rounded down at each day's end, and
a day is the growth of that sum. Fakes are subtracted from the sum in the same way, so their share
is exact to less than a like.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from campaigns.pledging.waterfall import DayCount
from ledger.accounting.apportionment import WHOLE_BP


class CurvePoint(NamedTuple):
    """A day of a curve and its likes."""

    day: date
    likes: int


class PastForecast(NamedTuple):
    """A past campaign's likes, moved to this one's days.

    Likes after this one's last day are left out.
    """

    likes: dict[date, int]
    likes_left_out: int
    days_missing: int  # this campaign's days after the past one's last


def flat_forecast(days: Sequence[date], likes_per_day: int) -> dict[date, int]:
    """Return the same number of likes for each day. Pure."""
    return dict.fromkeys(days, likes_per_day)


def curve_forecast(days: Sequence[date], points: Sequence[CurvePoint]) -> dict[date, int]:
    """Return likes per day on straight lines between ordered points, level outside them. Pure."""
    return dict(zip(days, _floor_running_sum(_interpolate(points, day) for day in days), strict=True))


def _interpolate(points: Sequence[CurvePoint], day: date) -> Fraction:
    position = bisect_right([point.day for point in points], day)
    if position in (0, len(points)):
        return Fraction(points[max(0, position - 1)].likes)
    before, after = points[position - 1 : position + 1]
    share = Fraction((day - before.day).days, (after.day - before.day).days)
    return before.likes + (after.likes - before.likes) * share


def _floor_running_sum(amounts: Iterable[Fraction]) -> list[int]:
    """Return whole numbers whose running sums are those of the amounts, rounded down. Pure."""
    total, sums = Fraction(), [0]
    for amount in amounts:
        total += amount
        sums.append(total.numerator // total.denominator)
    return [after - before for before, after in pairwise(sums)]


def past_forecast(days: Sequence[date], past_days: Sequence[date], counted: Mapping[date, int]) -> PastForecast:
    """Return a past campaign's likes on this one's days, the first on the first and so on. Pure."""
    likes = dict.fromkeys(days, 0) | {day: counted.get(past, 0) for day, past in zip(days, past_days, strict=False)}
    left_out = sum(counted.get(past, 0) for past in past_days[len(days) :])
    return PastForecast(likes, left_out, max(0, len(days) - len(past_days)))


def split_fakes(likes: Mapping[date, int], fakes_bp: int) -> dict[date, DayCount]:
    """Return each day's likes as counted and void, the counted sum rounded down. Pure."""
    real = _floor_running_sum(Fraction(received * (WHOLE_BP - fakes_bp), WHOLE_BP) for received in likes.values())
    return {
        day: DayCount(counted=counted, void=received - counted)
        for (day, received), counted in zip(likes.items(), real, strict=True)
    }


def merge_counted_days(
    counted: Mapping[date, int], expected: Mapping[date, DayCount], today: date
) -> dict[date, DayCount]:
    """Return a running campaign's days: counted before today, then the larger of both. Pure."""
    return {
        day: count if day >= today and count.counted >= counted.get(day, 0) else DayCount(counted=counted.get(day, 0))
        for day, count in expected.items()
    }
