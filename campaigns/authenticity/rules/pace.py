"""Rules of pace: likes that come faster, or more evenly, than people like.

What happens in a strange session alone is about that session: the other likes are the owner's.
"""

from itertools import pairwise

from campaigns.authenticity.kinds import BASIS_POINTS
from campaigns.authenticity.rule_input import Hit, Numbers, RuleInput
from campaigns.authenticity.sessions import strange_sessions
from campaigns.authenticity.window import Window

_STRANGE_SHARE = (3, 4)
_SESSION_LIKES, _SESSION_MS = 3, 6 * 3_600_000
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
        bursts = [
            moment
            for first, last in zip(moments, moments[least - 1 :], strict=False)
            if last - first <= window_ms
            for moment in (first, last)
        ]
        if bursts:
            evidence = {"likes": len(likes), "bursts": len(bursts) // 2}
            hits.append(_hit(inputs.window, person, bursts, evidence))
    return hits


def find_clocks(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return people with a run of gaps that are nearly equal, on a good part of their likes. Pure."""
    hits = []
    for person, likes in enumerate(inputs.window.person_likes):
        if len(likes) <= numbers["gaps_from"]:
            continue
        moments = _moments(inputs.window, likes)
        even = _even_likes(moments, numbers)
        if even and BASIS_POINTS * len(even) >= numbers["share_from_bp"] * len(likes):
            evidence = {"likes": len(likes), "evenly_timed": len(even)}
            hits.append(_hit(inputs.window, person, [moments[number] for number in even], evidence))
    return hits


def _even_likes(moments: list[int], numbers: Numbers) -> set[int]:
    """Return the numbers of the moments that belong to a run of nearly equal gaps."""
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
    return even


def _hit(window: Window, person: int, moments: list[int], evidence: dict[str, int]) -> Hit:
    """Return the hit: about the strange sessions in which most of the moments are, or about the person."""
    sessions = [
        session
        for session in strange_sessions(window, window.person_likes[person], _SESSION_LIKES, _SESSION_MS)
        if any(window.time_ms[session[0]] <= moment <= window.time_ms[session[-1]] for moment in moments)
    ]
    strange = frozenset(like for session in sessions for like in session)
    times = {window.time_ms[like] for like in strange}
    inside = sum(1 for moment in moments if moment in times)
    part, whole = _STRANGE_SHARE
    if strange and whole * inside >= part * len(moments):
        return Hit(frozenset({person}), evidence, strange, is_about_likes=True)
    return Hit(frozenset({person}), evidence)


def _moments(window: Window, likes: list[int]) -> list[int]:
    return sorted({window.time_ms[like] for like in likes})
