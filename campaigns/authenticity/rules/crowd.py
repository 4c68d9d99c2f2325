"""Rules about crowds: newcomers at one content or network who are alike in some other way.

The traits of a crowd's newcomers are compared with those of the campaign's people elsewhere. A
crowd is held by the traits that are far more frequent in it. Crowds without such a trait are
compared together by the way they watch, unless they are a rush: an honest one comes at once.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from campaigns.authenticity.critical import deviation, share_bp
from campaigns.authenticity.kinds import BASIS_POINTS
from campaigns.authenticity.rule_input import Hit, Numbers, RuleInput
from campaigns.authenticity.rules.crowd_cells import Crowds, find_crowds
from campaigns.authenticity.traits import Trait
from campaigns.authenticity.window import ABSENT

_MARKS_MIN = 5  # likes that bear a trait
_TOGETHER_SHARE_BP = 2_500  # of a person's likes that go to crowds
_NETWORK_DEVIATION = 2_500
_TENTH = 10
_MARKED_PARTS = (4, 5)  # a content so much explained by its traits is left out of the pool
_RUSH_PARTS = (3, 5)
_POOLED_EXCESS_BP = 1_000
_MINUTE_MS = 60_000
_STRONG = (
    Trait.NEW_ACCOUNT,
    Trait.NO_TAGS,
    Trait.QUICK,
    Trait.DEED,
    Trait.SAME_WATCH,
    Trait.SHARED_DEVICE,
    Trait.TOGETHER,
)
_OF_EVERYBODY = (Trait.SCRIPTED_WATCH, Trait.DEED)  # whose usual share is that of all people, not of newcomers


class _Usual(NamedTuple):
    """How frequent each trait (bp) and each network (likes) is outside the crowds."""

    trait_bp: Mapping[int, int]
    network_likes: Mapping[int, int]
    likes: int


def find_content_crowds(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return people who come for contents in crowds that are alike. Pure."""
    crowds = find_crowds(inputs, numbers, is_content=True)
    visits = Counter(inputs.window.person[like] for crowd in crowds.expected for like in crowds.cells[crowd].likes)
    traits = _mark_together(inputs, visits, crowds, is_content=True)
    pushed = _pushed_likes(inputs, numbers, crowds, traits, is_content=True)
    weights = Counter(inputs.window.person[like] for likes in pushed.values() for like in likes)
    return _hits(inputs, numbers, crowds, pushed, weights)


def find_network_crowds(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return people of networks whose newcomers are alike in some other way. Pure.

    A network alone holds nobody.
    """
    window = inputs.window
    crowds = find_crowds(inputs, numbers, is_content=False)
    visits = Counter(window.person[like] for like in inputs.pushed)
    traits = _mark_together(inputs, visits, crowds, is_content=False)
    pushed = _pushed_likes(inputs, numbers, crowds, traits, is_content=False)
    weights: Counter[int] = Counter()
    for network, likes in pushed.items():
        persons = {window.person[like] for like in likes}
        weights.update(person for like in window.network_likes[network] if (person := window.person[like]) in persons)
    return _hits(inputs, numbers, crowds, pushed, weights)


def _mark_together(inputs: RuleInput, visits: Mapping[int, int], crowds: Crowds, *, is_content: bool) -> list[int]:
    """Return the traits with TOGETHER for likes of people who also like contents of other crowds."""
    window = inputs.window
    marked = list(inputs.traits)
    for person, count in visits.items():
        likes = window.person_likes[person]
        if BASIS_POINTS * count < _TOGETHER_SHARE_BP * len(likes):
            continue
        for like in likes:
            if count - (is_content and window.content[like] in crowds.expected) >= 1:
                marked[like] |= Trait.TOGETHER
    return marked


def _pushed_likes(
    inputs: RuleInput, numbers: Numbers, crowds: Crowds, traits: list[int], *, is_content: bool
) -> dict[int, list[int]]:
    """Return the likes of each crowd that its traits, or all such crowds together, give away."""
    usual = _usual(inputs, crowds, traits, inputs.window.content if is_content else inputs.window.network)
    pushed: dict[int, list[int]] = {}
    quiet: dict[int, list[int]] = {}
    for crowd, expected in crowds.expected.items():
        likes = crowds.cells[crowd].likes
        bits = _strong_traits(likes, traits, usual, numbers)
        networks = _strong_networks(inputs, likes, usual) if is_content else frozenset[int]()
        marked = [like for like in likes if traits[like] & bits or inputs.window.network[like] in networks]
        pushed[crowd] = marked
        if _is_unexplained(len(marked), len(likes), is_content=is_content) and (
            100 * BASIS_POINTS * len(likes) >= numbers["pooled_excess_from_bp"] * expected
            and not _is_rush(inputs, likes, numbers["rush_minutes"] * _MINUTE_MS)
        ):
            unmarked = set(marked)
            quiet[crowd] = [like for like in likes if like not in unmarked]
    if _are_scripted([like for likes in quiet.values() for like in likes], traits, usual, numbers):
        for crowd, likes in quiet.items():
            if _exceeds_usual(likes, traits, usual):  # an honest crowd is not swept in by the others
                pushed[crowd] = pushed[crowd] + likes
    return pushed


def _usual(inputs: RuleInput, crowds: Crowds, traits: list[int], column: list[int]) -> _Usual:
    """Return how frequent traits and networks are outside the crowds."""
    outside = [like for like in range(len(traits)) if column[like] not in crowds.expected]
    newcomers = [like for like in outside if crowds.is_newcomer[inputs.window.person[like]]]
    trait_bp: dict[int, int] = {}
    for trait in Trait:
        likes, bit = outside if trait in _OF_EVERYBODY else newcomers, int(trait)
        trait_bp[bit] = share_bp(sum(1 for like in likes if traits[like] & bit), len(likes))
    networks = Counter(network for like in outside if (network := inputs.window.network[like]) != ABSENT)
    return _Usual(trait_bp, networks, len(outside))


def _strong_traits(likes: list[int], traits: list[int], usual: _Usual, numbers: Numbers) -> int:
    """Return the bits of the traits that are far more frequent in a crowd than elsewhere."""
    bits = 0
    for bit in map(int, _STRONG):
        count, elsewhere_bp = sum(1 for like in likes if traits[like] & bit), usual.trait_bp[bit]
        if (
            count >= _MARKS_MIN
            and BASIS_POINTS * count >= len(likes) * (elsewhere_bp + numbers["excess_from_bp"])
            and deviation(count, len(likes), elsewhere_bp) >= numbers["deviation_from"]
        ):
            bits |= bit
    return bits


def _strong_networks(inputs: RuleInput, likes: list[int], usual: _Usual) -> frozenset[int]:
    """Return the networks that a content's crowd uses far more than other people do."""
    counts = Counter(network for like in likes if (network := inputs.window.network[like]) != ABSENT)
    return frozenset(
        network
        for network, count in counts.items()
        if count >= _MARKS_MIN
        and _TENTH * count >= len(likes)
        and deviation(count, len(likes), share_bp(usual.network_likes[network], usual.likes)) >= _NETWORK_DEVIATION
    )


def _is_unexplained(marked: int, likes: int, *, is_content: bool) -> bool:
    """Return whether a crowd joins the pool.

    A network with any marked like does not: many honest people share it.
    """
    part, whole = _MARKED_PARTS
    return whole * marked < part * likes if is_content else marked == 0


def _is_rush(inputs: RuleInput, likes: list[int], span_ms: int) -> bool:
    """Return whether most of a crowd came within the span."""
    moments = sorted(inputs.window.time_ms[like] for like in likes)
    part, whole = _RUSH_PARTS
    most = max(1, part * len(moments) // whole)
    return any(last - first <= span_ms for first, last in zip(moments, moments[most - 1 :], strict=False))


def _are_scripted(likes: list[int], traits: list[int], usual: _Usual, numbers: Numbers) -> bool:
    """Return whether so many of the likes are watched by script that they come from no usual people."""
    scripted = sum(1 for like in likes if traits[like] & Trait.SCRIPTED_WATCH)
    return _exceeds_usual(likes, traits, usual) and (
        deviation(scripted, len(likes), usual.trait_bp[Trait.SCRIPTED_WATCH]) >= numbers["pooled_deviation_from"]
    )


def _exceeds_usual(likes: list[int], traits: list[int], usual: _Usual) -> bool:
    """Return whether the share of likes watched by script is well above the usual one."""
    scripted = sum(1 for like in likes if traits[like] & Trait.SCRIPTED_WATCH)
    return BASIS_POINTS * scripted >= len(likes) * (usual.trait_bp[Trait.SCRIPTED_WATCH] + _POOLED_EXCESS_BP)


def _hits(
    inputs: RuleInput,
    numbers: Numbers,
    crowds: Crowds,
    pushed: Mapping[int, list[int]],
    weights: Mapping[int, int],
) -> list[Hit]:
    """Return a hit for each person with marked likes; it is about those with a good part in crowds."""
    window = inputs.window
    marked: dict[int, list[int]] = defaultdict(list)
    newcomers: dict[int, int] = defaultdict(int)
    for crowd, likes in pushed.items():
        for like in likes:
            person = window.person[like]
            marked[person].append(like)
            newcomers[person] = max(newcomers[person], len(crowds.cells[crowd].likes))
    return [
        Hit(
            frozenset({person} if _is_driven(inputs, numbers, person, weights[person]) else ()),
            {"likes": len(window.person_likes[person]), "marked": len(likes), "newcomers_beside": newcomers[person]},
            frozenset(likes),
        )
        for person, likes in marked.items()
    ]


def _is_driven(inputs: RuleInput, numbers: Numbers, person: int, weight: int) -> bool:
    """Return whether so much of a person's likes goes to crowds that the rule is about them."""
    return BASIS_POINTS * weight >= numbers["share_from_bp"] * len(inputs.window.person_likes[person])
