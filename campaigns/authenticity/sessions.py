"""Strange sessions: likes on a device that their person uses at no other time, as from a stolen account."""

from collections import defaultdict

from campaigns.authenticity.window import ABSENT, Window

_HOME_SHARE = (1, 2)  # of a person's likes come from the devices that they use at other times


def strange_sessions(window: Window, likes: list[int], least: int, span_ms: int) -> list[list[int]]:
    """Return the likes of each strange session of one person, with so many likes within so long. Pure.

    Who has no device of their own, since all are strange, has no strange session.
    """
    by_device: dict[int, list[int]] = defaultdict(list)
    for like in likes:
        if window.device[like] != ABSENT:
            by_device[window.device[like]].append(like)
    if len(by_device) == 1:
        return []
    sessions = [
        group
        for group in by_device.values()
        if len(group) >= least and window.time_ms[group[-1]] - window.time_ms[group[0]] <= span_ms
    ]
    at_home = sum(len(group) for group in by_device.values()) - sum(len(session) for session in sessions)
    part, whole = _HOME_SHARE
    return sessions if whole * at_home >= part * len(likes) else []
