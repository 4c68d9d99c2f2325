"""Rules about people who act together: the same contents at the same time, or from one network."""

from collections import defaultdict

from campaigns.authenticity.kinds import BASIS_POINTS
from campaigns.authenticity.rule_input import Hit, Numbers, RuleInput
from campaigns.authenticity.window import ABSENT

_MINUTE_MS = 60_000
_PAIR_REACH = 30  # each slot pairs with the next ones: the cost stays linear in the likes
_GATHERED_SHARE = (3, 5)  # so large a part in gatherings explains why they act together


def find_slot_pairs(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return people who like the same two contents, each at the same time. Pure.

    Time is cut into slots twice, half a slot apart, so that no edge hides anybody.
    """
    slot_ms = numbers["slot_minutes"] * _MINUTE_MS
    paired: dict[int, int] = {}
    company: dict[int, int] = defaultdict(int)
    for offset_ms in (0, slot_ms // 2):
        slots_of: dict[int, set[int]] = defaultdict(set)
        for pair, people in _pairs_of_slots(inputs, slot_ms, offset_ms, numbers["people_from"]):
            for person in people:
                slots_of[person].update(pair)
                company[person] = max(company[person], len(people))
        for person, slots in slots_of.items():
            paired[person] = max(paired.get(person, 0), len(slots))
    person_likes = inputs.window.person_likes
    return [
        Hit(frozenset({person}), {"likes": len(person_likes[person]), "slots": slots, "people": company[person]})
        for person, slots in paired.items()
        if BASIS_POINTS * slots >= numbers["share_from_bp"] * len(person_likes[person])
    ]


def find_network_mates(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return people of one network who like the same contents more than their numbers explain. Pure."""
    window = inputs.window
    cells: dict[tuple[int, int], set[int]] = defaultdict(set)
    for like, network in enumerate(window.network):
        if network != ABSENT and network not in inputs.gatherings:
            cells[window.content[like], network].add(window.person[like])
    contents: dict[int, set[int]] = defaultdict(set)
    for (content, network), people in cells.items():
        expected = 100 * len(window.content_likes[content]) * len(window.network_likes[network]) // len(window.likes)
        if len(people) >= max(numbers["people_from"], inputs.critical_count(expected)):
            for person in people:
                contents[person].add(content)
    return [
        Hit(frozenset({person}), {"likes": len(window.person_likes[person]), "contents": len(shared)})
        for person, shared in contents.items()
        if len(shared) >= numbers["contents_from"]
        and BASIS_POINTS * len(shared) >= numbers["share_from_bp"] * len(window.person_likes[person])
    ]


def _pairs_of_slots(
    inputs: RuleInput, slot_ms: int, offset_ms: int, least: int
) -> list[tuple[tuple[int, int], list[int]]]:
    """Return the people of each pair of crowded slots that at least so many share."""
    window = inputs.window
    cells: dict[tuple[int, int], list[int]] = defaultdict(list)
    for like, moment_ms in enumerate(window.time_ms):
        cells[window.content[like], (moment_ms + offset_ms) // slot_ms].append(like)
    slots: dict[int, list[int]] = defaultdict(list)
    gathered: set[tuple[int, int]] = set()  # (slot, person)
    for slot, likes in enumerate(likes for likes in cells.values() if len(likes) >= least):
        for like in likes:
            slots[window.person[like]].append(slot)
            if window.network[like] in inputs.gatherings:
                gathered.add((slot, window.person[like]))
    pairs: dict[tuple[int, int], list[int]] = defaultdict(list)
    for person, in_slots in slots.items():
        for position, slot in enumerate(in_slots):
            for other in in_slots[position + 1 : position + 1 + _PAIR_REACH]:
                pairs[slot, other].append(person)
    return [
        (pair, people)
        for pair, people in pairs.items()
        if len(people) >= least
        and not _are_gathered(sum((pair[0], person) in gathered for person in people), len(people))
    ]


def _are_gathered(gathered: int, people: int) -> bool:
    part, whole = _GATHERED_SHARE
    return whole * gathered >= part * people
