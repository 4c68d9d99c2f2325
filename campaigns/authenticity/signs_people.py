"""Signs of the company that a person keeps: on networks, on devices, at contents, by the day of creation."""

from bisect import bisect_left, bisect_right
from collections import Counter
from typing import NamedTuple

from campaigns.authenticity.evidence import evidence, evidence_of_company, surplus_bp
from campaigns.authenticity.kinds import BASIS_POINTS
from campaigns.authenticity.rule_input import RuleInput
from campaigns.authenticity.sign_tables import SignTables
from campaigns.authenticity.window import ABSENT, Window

_NETWORK_PRIOR, _CREATED_PRIOR = 25, 50  # people (hundredths) that need no regular person
_MATES_PRIOR, _CLOSE_MATES_PRIOR = 10, 5
_DOUBT = 200
_HELD_DOUBT = 2  # people
_SHARED_NETWORK_PEOPLE, _CROWD_PEOPLE = 3, 5
_TOWN_REGULARS = 5
_PEOPLE_MAX = 6  # more people on a device say no more
_CLOSE_CONTENTS = 3
_MATES_MAX = 40  # people of a content that are looked at: the cost stays linear in the likes
_DAYS_NEAR = ((30, 29), (6, 5))  # days on each side, and how many of them are not beside the day itself


def network_signs(inputs: RuleInput, tables: SignTables) -> dict[str, list[int]]:
    """Return how far regular people do not explain a person's networks, and how many there are held. Pure.

    A network with a few regular people is a town's: it says little, with more of them nothing.
    """
    window = inputs.window
    people = [{window.person[like] for like in likes} for likes in window.network_likes]
    light = [sum(1 for person in members if tables.is_light[person]) for members in people]
    suspects = [sum(1 for person in members if tables.is_suspect[person]) for members in people]
    expected = _expect_light(light, [len(members) for members in people])
    strangers = [max(0, _TOWN_REGULARS - len(members) + few) for members, few in zip(people, light, strict=True)]
    surplus, company = [0] * len(window.person_likes), [0] * len(window.person_likes)
    for like, person in enumerate(window.person):
        network = tables.network[like]
        if network == ABSENT or tables.is_gathered[like] or not tables.has_regulars:
            continue
        above_bp = surplus_bp(light[network] - tables.is_light[person], expected[network], _DOUBT)
        surplus[person] += above_bp * strangers[network] // _TOWN_REGULARS
        company[person] += (
            BASIS_POINTS * (suspects[network] - tables.is_suspect[person]) // (len(people[network]) + _HELD_DOUBT)
        )
    return {"network": _means(window, surplus), "held_network": _means(window, company)}


def device_signs(inputs: RuleInput, tables: SignTables) -> dict[str, list[int]]:
    """Return how many others use a person's devices, and how many of them are held. Pure."""
    window = inputs.window
    people = [{window.person[like] for like in likes} for likes in window.device_likes]
    suspects = [sum(1 for person in members if tables.is_suspect[person]) for members in people]
    others, company = [0] * len(window.person_likes), [0] * len(window.person_likes)
    for like, person in enumerate(window.person):
        device = tables.device[like]
        if device != ABSENT:
            others[person] = max(others[person], min(_PEOPLE_MAX, len(people[device]) - 1))
            company[person] = max(company[person], min(_PEOPLE_MAX, suspects[device] - tables.is_suspect[person]))
    return {"device_people": others, "held_device": company}


def mate_signs(inputs: RuleInput, tables: SignTables) -> dict[str, list[int]]:
    """Return the evidence that too many light people share contents with a person. Pure.

    Mates share two contents, close mates three. Chance explains more of them where people like much,
    and where the campaign has few contents.
    """
    window = inputs.window
    company = [
        [
            window.person[like]
            for like in likes
            if tables.is_light[window.person[like]] and not tables.is_gathered[like]
        ]
        for likes in window.content_likes
    ]
    chance = _chance(tables, window)
    signs: dict[str, list[int]] = {"mates": [], "close_mates": [], "held_mates": []}
    for person, likes in enumerate(window.person_likes):
        shared: Counter[int] = Counter()
        for like in likes:
            if not tables.is_gathered[like]:
                shared.update(company[window.content[like]][:_MATES_MAX])
        del shared[person]
        mates = [mate for mate, count in shared.items() if count > 1]
        close = sum(1 for mate in mates if shared[mate] >= _CLOSE_CONTENTS)
        beyond_chance = evidence_of_company(len(mates), chance.mates(len(likes)))
        suspects = sum(1 for mate in mates if tables.is_suspect[mate]) if beyond_chance else 0
        signs["mates"].append(beyond_chance)
        signs["close_mates"].append(evidence_of_company(close, chance.close_mates(len(likes))))
        signs["held_mates"].append(BASIS_POINTS * suspects // (len(mates) + _HELD_DOUBT))
    return signs


class _Chance(NamedTuple):
    """How often light people share contents by chance: `both` pairs of likes of `all` fall together."""

    both: int
    all: int
    squares: int  # of light people's numbers of likes, summed
    cubes: int

    def mates(self, likes: int) -> int:
        """Return how many mates a person with so many likes has by chance, in hundredths."""
        return 100 * likes**2 * self.both**2 * self.squares // (2 * self.all**2) + _MATES_PRIOR

    def close_mates(self, likes: int) -> int:
        """Return how many close mates a person with so many likes has by chance, in hundredths."""
        return 100 * likes**3 * self.both**3 * self.cubes // (6 * self.all**3) + _CLOSE_MATES_PRIOR


def _chance(tables: SignTables, window: Window) -> _Chance:
    sizes = [len(likes) for person, likes in enumerate(window.person_likes) if tables.is_light[person]]
    return _Chance(
        both=sum(len(likes) ** 2 for likes in window.content_likes),
        all=max(1, len(window.likes) ** 2),
        squares=sum(size**2 for size in sizes),
        cubes=sum(size**3 for size in sizes),
    )


def created_signs(window: Window, tables: SignTables) -> list[int]:
    """Return the evidence that too many light people's accounts are as old as a person's. Pure.

    The days before and after an account's first day say how many to expect.
    """
    created = [_day_created(window, likes) for likes in window.person_likes]
    days = sorted(day for person, day in enumerate(created) if day is not None and tables.is_light[person])
    return [0 if day is None else _created_evidence(days, day) for day in created]


def _created_evidence(days: list[int], day: int) -> int:
    beside = _count_near(days, day, 1)
    expected = max(
        100 * 3 * (_count_near(days, day, reach) - beside) // (2 * outside) for reach, outside in _DAYS_NEAR
    )
    return evidence(max(0, beside - 1), expected + _CREATED_PRIOR)


def _count_near(days: list[int], day: int, reach: int) -> int:
    return bisect_right(days, day + reach) - bisect_left(days, day - reach)


def _day_created(window: Window, likes: list[int]) -> int | None:
    for like in likes:
        age_days = window.likes[like].account_age_days
        if age_days is not None:
            return window.day[like] - age_days
    return None


def _expect_light(light: list[int], people: list[int]) -> list[int]:
    """Return how many light people each network should have, in hundredths.

    The ratio is that of shared networks, without those that no regular person uses.
    """
    compared = [
        (few, many - few)
        for few, many in zip(light, people, strict=True)
        if many >= _SHARED_NETWORK_PEOPLE and not (few == many >= _CROWD_PEOPLE)
    ]
    light_all, regular_all = sum(few for few, _ in compared), max(1, sum(many for _, many in compared))
    return [
        100 * (many - few) * light_all // regular_all + _NETWORK_PRIOR
        for few, many in zip(light, people, strict=True)
    ]


def _means(window: Window, sums: list[int]) -> list[int]:
    return [total // len(likes) for total, likes in zip(sums, window.person_likes, strict=True)]
