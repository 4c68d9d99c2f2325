"""Observations for tests of authenticity: a small campaign of regular people, and likes to add to it."""

import random
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

from campaigns.authenticity.effects import find_coverage
from campaigns.authenticity.observation import Observation, ObservationReader, earliest_by_like
from campaigns.authenticity.rule_input import RuleInput
from campaigns.authenticity.rules.gatherings import find_gatherings
from campaigns.authenticity.ruleset import default_ruleset
from campaigns.authenticity.traits import find_traits
from campaigns.authenticity.window import Established, build_window

START_US = 1_649_347_200_000_000  # 2022-04-08 00:00 in Asia/Shanghai
TIMEZONE = "Asia/Shanghai"
SECOND_US, HOUR_US, DAY_US = 1_000_000, 3_600_000_000, 86_400_000_000
_READER = ObservationReader(b"k" * 32)


def person_id(name: object) -> bytes:
    """Return the pseudonym of a made-up person."""
    return blake2b(str(name).encode(), digest_size=16).digest()


def observe(at_us: int, person: object, content: object, **signals: Any) -> Observation:
    """Return the observation of a like so many microseconds after the start."""
    return _READER.observe(START_US + at_us, person_id(person), str(content), "video", signals)


def regular_people(seed: int, people: int = 60, days: int = 12) -> list[Observation]:
    """Return the likes of people with telephones and homes of their own, who watch as people do."""
    rng = random.Random(seed)
    return [
        observe(
            day * DAY_US + rng.randrange(24) * HOUR_US + rng.randrange(3_600) * SECOND_US,
            f"regular {person}",
            rng.randrange(150),
            device=f"phone {person}",
            network=f"home {person}",
            watch_ms=rng.randrange(100, 60_000),
            duration_ms=rng.choice([0, 12_000, 30_000, 60_000]),
            account_age_days=400 + person,
            followed=False,
        )
        for person in range(people)
        for day in range(days)
        for _ in range(2)
    ]


def passers_by(seed: int, people: int = 60) -> list[Observation]:
    """Return one like each of people who come once."""
    rng = random.Random(seed)
    return [
        observe(
            rng.randrange(12) * DAY_US + rng.randrange(86_400) * SECOND_US,
            f"passer-by {person}",
            rng.randrange(150),
            device=f"their phone {person}",
            network=f"their home {person}",
            watch_ms=rng.randrange(100, 60_000),
            duration_ms=30_000,
            account_age_days=100 + person,
        )
        for person in range(people)
    ]


def group(
    people: Iterable[object],
    contents: Iterable[object],
    *,
    at_us: int = 5 * DAY_US,
    gap_us: int = 300 * SECOND_US,
    **signals: Any,
) -> list[Observation]:
    """Return likes of people who like the same contents one after the other."""
    listed = list(contents)
    return [
        observe(
            at_us + position * gap_us + number * 7 * SECOND_US,
            person,
            content,
            **(
                {"device": f"dv {person}", "network": f"nw {person}", "watch_ms": 20_000, "duration_ms": 30_000}
                | signals
            ),
        )
        for number, person in enumerate(people)
        for position, content in enumerate(listed)
    ]


def rule_input(
    likes: list[Observation], suspects: Iterable[object] = ()
) -> tuple[RuleInput, Callable[[object], int]]:
    """Return what a rule reads of the likes under the shipped ruleset, and the function to a person's number.

    `suspects` are the people whom other rules hold.
    """
    rules = default_ruleset()
    people = rules.ruleset.established
    window = build_window(earliest_by_like(likes), TIMEZONE, Established(people.days, people.likes))
    numbers = {like.person: number for like, number in zip(window.likes, window.person, strict=True)}
    traits = find_traits(window, rules.traits)
    inputs = RuleInput(
        window=window,
        traits=traits,
        gatherings=find_gatherings(window, traits),
        critical=rules.critical,
        suspects=frozenset(numbers[person_id(name)] for name in suspects),
        uncovered=find_coverage(window).missing,
    )
    return inputs, lambda name: numbers[person_id(name)]
