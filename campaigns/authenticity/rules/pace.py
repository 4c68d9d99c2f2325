"""Rules of pace: likes that come faster, or more evenly, than people like."""

from itertools import pairwise

from campaigns.authenticity.kinds import BASIS_POINTS
from campaigns.authenticity.rule_input import Hit, Numbers, RuleInput
from campaigns.authenticity.window import Window

_GAP_MS_MIN = 1_000  # shorter gaps are one client's bundle, not a pace


def find_bursts(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return people with too many likes in a short time. Pure.

    Likes of the same millisecond count once: some clients send several together.
    """
    least, window_ms = numbers["likes_from"], numbers["window_seconds"] * 1_000
    hits = []
    for person, likes in enumerate(inputs.window.person_likes):
        if len(likes) < least:
            continue
        moments = _moments(inputs.window, likes)
        bursts = sum(
            1 for first, last in zip(moments, moments[least - 1 :], strict=False) if last - first <= window_ms
        )
        if bursts:
            hits.append(Hit(frozenset({person}), {"likes": len(likes), "bursts": bursts}))
    return hits


def find_clocks(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return people with a run of gaps that are nearly equal, on a good part of their likes. Pure."""
    hits = []
    for person, likes in enumerate(inputs.window.person_likes):
        if len(likes) <= numbers["gaps_from"]:
            continue
        even = _even_likes(_moments(inputs.window, likes), numbers)
        if even and BASIS_POINTS * even >= numbers["share_from_bp"] * len(likes):
            hits.append(Hit(frozenset({person}), {"likes": len(likes), "evenly_timed": even}))
    return hits


def _even_likes(moments: list[int], numbers: Numbers) -> int:
    """Return how many moments belong to a run of nearly equal gaps."""
    run, gap_ms_max = numbers["gaps_from"], numbers["gap_seconds_max"] * 1_000
    gaps = [after - before for before, after in pairwise(moments)]
    even: set[int] = set()
    for start in range(len(gaps) - run + 1):
        part = gaps[start : start + run]
        median = sorted(part)[run // 2]
        if not _GAP_MS_MIN < median <= gap_ms_max:
            continue
        strays = sum(1 for gap in part if BASIS_POINTS * abs(gap - median) > numbers["tolerance_bp"] * median)
        if strays <= numbers["strays_max"]:
            even.update(range(start, start + run + 1))
    return len(even)


def _moments(window: Window, likes: list[int]) -> list[int]:
    return sorted({window.time_ms[like] for like in likes})
