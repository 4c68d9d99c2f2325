"""A rule about accounts in other hands: sessions on a strange device, for what other such sessions like.

It holds the likes of the session alone: the other likes are the owner's.
"""

from collections import defaultdict

from campaigns.authenticity.kinds import BASIS_POINTS
from campaigns.authenticity.rule_input import Hit, Numbers, RuleInput
from campaigns.authenticity.sessions import strange_sessions

_MINUTE_MS = 60_000


def find_strange_sessions(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return people with sessions on a device used never before or after, for pushed contents. Pure.

    A content is pushed if more such sessions like it than its number of likes explains.
    """
    window = inputs.window
    span_ms = numbers["session_minutes"] * _MINUTE_MS
    sessions = [
        session
        for likes in window.person_likes
        for session in strange_sessions(window, likes, numbers["likes_from"], span_ms)
    ]
    pushed = _pushed_contents(inputs, sessions, numbers)
    hits = []
    for session in sessions:
        marked = sum(1 for like in session if window.content[like] in pushed)
        if marked > 1 and BASIS_POINTS * marked >= numbers["share_from_bp"] * len(session):
            person = window.person[session[0]]
            evidence = {"likes": len(window.person_likes[person]), "in_session": len(session), "marked": marked}
            hits.append(Hit(frozenset({person}), evidence, frozenset(session), is_about_likes=True))
    return hits


def _pushed_contents(inputs: RuleInput, sessions: list[list[int]], numbers: Numbers) -> set[int]:
    window = inputs.window
    people: dict[int, set[int]] = defaultdict(set)
    for session in sessions:
        for like in session:
            people[window.content[like]].add(window.person[like])
    strange = sum(len(session) for session in sessions)
    return {
        content
        for content, members in people.items()
        if len(members) >= numbers["people_from"]
        and len(members)
        >= inputs.critical_count(100 * strange * len(window.content_likes[content]) // len(window.likes))
    }
