"""Gatherings: people of one network at one time who watch as people do, such as a school class.

Rules about people who act together leave their likes out. A network is no gathering if it comes
again, if it is crowded, or if its people watch by script, like within seconds or are newcomers.
"""

from campaigns.authenticity.critical import deviation, share_bp
from campaigns.authenticity.traits import Trait
from campaigns.authenticity.window import Window

_PEOPLE_MIN, _PEOPLE_MAX = 5, 60
_SPAN_MS_MAX = 3 * 3_600_000
_SCRIPTED_DEVIATION_MAX, _DEVIATION_MAX = 700, 900
_NEW_SHARE_BP, _QUICK_SHARE_BP = 1_000, 2_000  # among any honest people


def find_gatherings(window: Window, traits: list[int]) -> frozenset[int]:
    """Return the networks that are gatherings. Pure."""
    scripted_bp = share_bp(sum(1 for bits in traits if bits & 1), len(traits))
    return frozenset(
        network
        for network, likes in enumerate(window.network_likes)
        if len(likes) >= _PEOPLE_MIN
        and window.time_ms[likes[-1]] - window.time_ms[likes[0]] <= _SPAN_MS_MAX
        and _behaves_as_people(window, traits, likes, scripted_bp)
    )


def _behaves_as_people(window: Window, traits: list[int], likes: list[int], scripted_bp: int) -> bool:
    people = len({window.person[like] for like in likes})
    new = len({window.person[like] for like in likes if traits[like] & Trait.NEW_ACCOUNT})
    scripted = sum(1 for like in likes if traits[like] & Trait.SCRIPTED_WATCH)
    quick = sum(1 for like in likes if traits[like] & Trait.QUICK)
    return (
        _PEOPLE_MIN <= people <= _PEOPLE_MAX
        and deviation(scripted, len(likes), scripted_bp) < _SCRIPTED_DEVIATION_MAX
        and deviation(new, people, _NEW_SHARE_BP) < _DEVIATION_MAX
        and deviation(quick, len(likes), _QUICK_SHARE_BP) < _DEVIATION_MAX
    )
