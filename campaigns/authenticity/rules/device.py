"""Rules about devices: one that many people share, and people who change theirs all the time."""

from collections import Counter

from campaigns.authenticity.kinds import BASIS_POINTS
from campaigns.authenticity.rule_input import Hit, Numbers, RuleInput
from campaigns.authenticity.window import ABSENT, Window

_HOUR_MS = 3_600_000
_ROTATION_LIKES_MIN = 3


def find_device_crowds(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return the people of each device that too many people use within the window. Pure."""
    span_ms = numbers["window_hours"] * _HOUR_MS
    hits = []
    for likes in inputs.window.device_likes:
        if len(likes) >= numbers["people_from"]:
            people, most = _people_together(inputs.window, likes, span_ms, numbers["people_from"])
            if people:
                hits.append(Hit(frozenset(people), {"people": len(people), "people_at_once": most}))
    return hits


def find_rotations(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return people whose likes come from ever other devices. Pure."""
    hits = []
    for person, likes in enumerate(inputs.window.person_likes):
        if len(likes) < _ROTATION_LIKES_MIN:
            continue
        devices = [device for like in likes if (device := inputs.window.device[like]) != ABSENT]
        different = len(set(devices))
        if different >= numbers["devices_from"] and BASIS_POINTS * different >= numbers["share_from_bp"] * len(
            devices
        ):
            hits.append(Hit(frozenset({person}), {"likes": len(devices), "devices": different}))
    return hits


def _people_together(window: Window, likes: list[int], span_ms: int, least: int) -> tuple[set[int], int]:
    """Return the people of each span with at least so many, and the most of a span."""
    people: set[int] = set()
    together: Counter[int] = Counter()
    first, most, is_crowd = 0, 0, False
    for like in likes:
        together[window.person[like]] += 1
        while window.time_ms[like] - window.time_ms[likes[first]] > span_ms:
            left = window.person[likes[first]]
            together[left] -= 1
            if not together[left]:
                del together[left]
            first += 1
        most = max(most, len(together))
        if len(together) < least:
            is_crowd = False
        elif is_crowd:  # the others are in already: a device of thousands costs no more than one of ten
            people.add(window.person[like])
        else:
            people.update(together)
            is_crowd = True
    return people, most
