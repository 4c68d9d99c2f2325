"""Signs of the contents that a person likes: pushed ones draw more light people than regular ones explain.

A rush is left out: somebody famous draws one. What is alike at a content (the way of watching, the
age of accounts, the signals sent, deeds, the kind of network, the moment) speaks more clearly than
its number of people.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from campaigns.authenticity.evidence import evidence, evidence_of_company, surplus_bp
from campaigns.authenticity.kinds import BASIS_POINTS
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.rule_input import RuleInput
from campaigns.authenticity.sign_tables import SignTables
from campaigns.authenticity.traits import Trait
from campaigns.authenticity.window import ABSENT

ASPECTS = ("watch", "age", "signals", "deed", "network_kind")
_SLOT_MS = 3 * 3_600_000
_ROUNDS = 3  # the campaign's own ratio is taken without the crowds that were seen before
_PRIOR, _ASPECT_PRIOR, _SLOT_PRIOR = 50, 10, 5  # people (hundredths) that need no regular person
_CROWD_PEOPLE = 5
_RUSH_PEOPLE, _RUSH_PARTS = 10, (3, 5)
_DOUBT = 200
_HELD_DOUBT = 2  # likes
_AGE_DAYS = (3, 10, 30, 100, 300, 1_000)
_NETWORK_PEOPLE = (1, 4, 15)
_VALUES = 64  # more than any aspect has


class _Contents(NamedTuple):
    """Counts by content, and by content and aspect or time slot."""

    light: list[int]
    people: list[int]
    expected: list[int]  # light people, in hundredths
    crowds: frozenset[int]
    rushes: frozenset[int]
    aspects: Sequence[list[int]]  # by aspect, the value of each like
    aspect_likes: Sequence[Counter[int]]
    usual: Sequence[Counter[int]]
    usual_likes: int
    slots: list[int]
    slot_likes: Counter[int]
    slot_cells: Counter[tuple[int, int]]
    suspects: Counter[int]
    suspect_cells: Counter[tuple[int, int]]


def content_signs(inputs: RuleInput, tables: SignTables) -> dict[str, list[int]]:
    """Return the signs of contents, as means over a person's likes. Pure."""
    window = inputs.window
    contents = _count(inputs, tables)
    names = ("pushed", *ASPECTS, "moment", "held_contents", "held_moments")
    signs: dict[str, list[int]] = {name: [0] * len(window.person_likes) for name in names}
    in_crowds: Counter[int] = Counter()
    for like, person in enumerate(window.person if tables.has_regulars else ()):
        content = window.content[like]
        if tables.is_gathered[like] or content in contents.rushes:
            continue
        in_crowds[person] += content in contents.crowds
        for name, value in zip(names, _like_signs(contents, tables, like, content, person), strict=True):
            signs[name][person] += value
    for values in signs.values():
        for person, likes in enumerate(window.person_likes):
            values[person] //= len(likes)
    signs["more_crowds"] = [max(0, in_crowds[person] - 1) for person in range(len(window.person_likes))]
    return signs


def _like_signs(contents: _Contents, tables: SignTables, like: int, content: int, person: int) -> list[int]:
    itself, expected = int(tables.is_light[person]), contents.expected[content]
    slot = contents.slots[like]
    together = contents.slot_cells[content, slot] - itself
    expected_slot = expected * contents.slot_likes[slot] // len(contents.slots) + _SLOT_PRIOR
    suspect = int(tables.is_suspect[person])
    return [
        surplus_bp(contents.light[content] - itself, expected, _DOUBT),
        *(
            evidence(
                cells[content * _VALUES + values[like]] - itself, _expect(contents, usual, values[like], expected)
            )
            for values, cells, usual in zip(contents.aspects, contents.aspect_likes, contents.usual, strict=True)
        ),
        evidence_of_company(together, expected_slot),
        BASIS_POINTS * (contents.suspects[content] - suspect) // (contents.people[content] + _HELD_DOUBT),
        BASIS_POINTS * (contents.suspect_cells[content, slot] - suspect) // (together + itself + _HELD_DOUBT),
    ]


def _expect(contents: _Contents, usual: Mapping[int, int], value: int, expected: int) -> int:
    return expected * usual[value] // contents.usual_likes + _ASPECT_PRIOR


def _count(inputs: RuleInput, tables: SignTables) -> _Contents:
    window = inputs.window
    counted = [like for like in range(len(window.likes)) if not tables.is_gathered[like]]
    light = [like for like in counted if tables.is_light[window.person[like]]]
    light_by, all_by = _by_content(inputs, light), _by_content(inputs, counted)
    expected, crowds = _expect_light(inputs, light_by, [a - b for a, b in zip(all_by, light_by, strict=True)])
    aspects = _aspects(inputs, tables)
    slots = [moment_ms // _SLOT_MS for moment_ms in window.time_ms]
    outside = [like for like in light if window.content[like] not in crowds]
    of_suspects = [like for like in counted if tables.is_suspect[window.person[like]]]
    return _Contents(
        light=light_by,
        people=all_by,
        expected=expected,
        crowds=crowds,
        rushes=_find_rushes(inputs, light),
        aspects=aspects,
        aspect_likes=[Counter(window.content[like] * _VALUES + values[like] for like in light) for values in aspects],
        usual=[Counter(values[like] for like in outside) for values in aspects],
        usual_likes=max(1, len(outside)),
        slots=slots,
        slot_likes=Counter(slots),
        slot_cells=Counter((window.content[like], slots[like]) for like in light),
        suspects=Counter(window.content[like] for like in of_suspects),
        suspect_cells=Counter((window.content[like], slots[like]) for like in of_suspects),
    )


def _by_content(inputs: RuleInput, likes: Sequence[int]) -> list[int]:
    counts = Counter(inputs.window.content[like] for like in likes)
    return [counts[content] for content in range(len(inputs.window.content_likes))]


def _expect_light(inputs: RuleInput, light: list[int], regular: list[int]) -> tuple[list[int], frozenset[int]]:
    """Return how many light people each content should have (hundredths), and the crowds."""
    light_all, regular_all = sum(light), sum(regular)
    crowds: frozenset[int] = frozenset()
    expected: list[int] = []
    for _ in range(_ROUNDS):
        light_outside = light_all - sum(light[content] for content in crowds)
        regular_outside = max(1, regular_all - sum(regular[content] for content in crowds))
        expected = [100 * count * light_outside // regular_outside + _PRIOR for count in regular]
        crowds = frozenset(
            content
            for content, count in enumerate(light)
            if count >= _CROWD_PEOPLE and count >= inputs.critical_count(expected[content])
        )
    return expected, crowds


def _find_rushes(inputs: RuleInput, light: Sequence[int]) -> frozenset[int]:
    """Return the contents most of whose light people came within one slot, wherever it begins."""
    window, half_ms = inputs.window, _SLOT_MS // 2
    halves: dict[int, Counter[int]] = defaultdict(Counter)
    for like in light:
        halves[window.content[like]][window.time_ms[like] // half_ms] += 1
    part, whole = _RUSH_PARTS
    return frozenset(
        content
        for content, counts in halves.items()
        if (total := counts.total()) >= _RUSH_PEOPLE
        and whole * max(count + counts[half + 1] for half, count in list(counts.items())) >= part * total
    )


def _aspects(inputs: RuleInput, tables: SignTables) -> list[list[int]]:
    window = inputs.window
    people = [len({window.person[like] for like in likes}) for likes in window.network_likes]
    network_kind = [0 if n == ABSENT else 1 + bisect_left(_NETWORK_PEOPLE, people[n]) for n in tables.network]
    return [
        [_watch_kind(like, bits) for like, bits in zip(window.likes, inputs.traits, strict=True)],
        [_age_kind(like.account_age_days) for like in window.likes],
        [_signals_kind(like) for like in window.likes],
        [int(bits & Trait.DEED != 0) for bits in inputs.traits],
        network_kind,
    ]


def _watch_kind(like: Observation, bits: int) -> int:
    """Return how a like was watched: not told, cut short, without a length, in part, whole, again."""
    if like.watch_ms is None:
        return 0
    if not like.duration_ms:
        return 1 if bits & Trait.SCRIPTED_WATCH else 2
    if bits & Trait.SCRIPTED_WATCH:
        return 3 if 2 * like.watch_ms < like.duration_ms else 4
    return 5 if like.watch_ms < like.duration_ms else 6


def _age_kind(age_days: int | None) -> int:
    return 0 if age_days is None else 1 + bisect_left(_AGE_DAYS, age_days)


def _signals_kind(like: Observation) -> int:
    """Return which signals were sent, as bits."""
    sent = (like.device, like.network, like.account_age_days, like.watch_ms, like.duration_ms, like.followed)
    return sum(1 << bit for bit, signal in enumerate(sent) if signal is not None)
