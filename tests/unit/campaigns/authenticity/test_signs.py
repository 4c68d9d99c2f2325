"""Signs: what raises each of them, and which honest look-alike does not."""

from collections.abc import Callable

import pytest

from campaigns.authenticity.evidence import EVIDENCE_MAX, evidence, log2_hundredths, surplus_bp
from campaigns.authenticity.kinds import SIGNS
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.signs import find_signs
from observed_likes import DAY_US, HOUR_US, SECOND_US, observe, passers_by, regular_people, rule_input

HONEST = regular_people(1) + passers_by(2)


def spread(name: str, people: int = 20, content: str | None = None, **signals: object) -> list[Observation]:
    """Return one like each of people who come over ten days, each with a telephone and home of their own."""
    return [
        observe(
            n * 11 * HOUR_US,
            f"{name} {n}",
            content or n * 7,
            **({"device": f"{name}'s {n}", "network": f"{name} at {n}", "account_age_days": 40 * n} | signals),
        )
        for n in range(people)
    ]


def sign(likes: list[Observation], name: str, person: object, suspects: list[object] | None = None) -> int:
    inputs, number = rule_input([*HONEST, *likes], suspects or [])
    return find_signs(inputs)[name][number(person)]


@pytest.mark.parametrize(
    ("name", "likes", "alike"),
    [
        ("pushed", spread("x", content="video"), spread("x")),
        (
            "moment",
            [like._replace(event_us=DAY_US * 19_093) for like in spread("x", 8, content="video")],
            spread("x"),
        ),
        ("watch", spread("x", content="video", watch_ms=900, duration_ms=9_000), spread("x", watch_ms=900)),
        ("age", spread("x", content="video", account_age_days=50), spread("x", content="video")),
        ("signals", spread("x", content="video", network=None), spread("x", network=None)),
        ("deed", spread("x", content="video", commented=True), spread("x", commented=True)),
        ("network_kind", spread("x", content="video", network="n"), spread("x", network="n")),
        ("network", spread("x", network="cellar"), spread("x")),
        ("created", [o._replace(account_age_days=90 + n // 2) for n, o in enumerate(spread("x"))], spread("x")),
        ("deeds", spread("x", commented=True), spread("x", commented=False)),
        ("scripted", spread("x", watch_ms=900, duration_ms=9_000), spread("x", watch_ms=5_000, duration_ms=9_000)),
        ("same_watch", spread("x", 9, "v", watch_ms=9_001), spread("x", 9, "v", watch_ms=9_000)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_sign_is_higher_for_the_attack_than_for_its_look_alike(
    name: str, likes: list[Observation], alike: list[Observation]
) -> None:
    assert sign(likes, name, "x 5") > sign(alike, name, "x 5")


def walk(name: str, gap_us: int, devices: Callable[[int], str]) -> list[Observation]:
    return [observe(n * gap_us, name, f"{n}", device=devices(n), network=name) for n in range(6)]


@pytest.mark.parametrize(
    ("name", "likes", "alike"),
    [
        ("short_gaps", walk("x", 30 * SECOND_US, lambda _: "x"), walk("x", 90 * SECOND_US, lambda _: "x")),
        ("brisk_gaps", walk("x", 90 * SECOND_US, lambda _: "x"), walk("x", DAY_US, lambda _: "x")),
        ("devices", walk("x", DAY_US, lambda n: f"d{n}"), walk("x", DAY_US, lambda _: "x")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_sign_of_one_person_is_higher_than_that_of_a_look_alike(
    name: str, likes: list[Observation], alike: list[Observation]
) -> None:
    assert sign(likes, name, "x") > sign(alike, name, "x")


def test_people_who_share_contents_are_mates_unless_chance_or_a_household_explains_it() -> None:
    wide = [like._replace(content=f"{number}") for number, like in enumerate(HONEST)]
    ring = [like for who in "xuvwyz" for like in walk(who, DAY_US, lambda _: "x")]

    def mates(likes: list[Observation]) -> tuple[int, int]:
        inputs, number = rule_input(likes)
        signs = find_signs(inputs)
        return signs["mates"][number("x")], signs["close_mates"][number("x")]

    assert min(mates([*wide, *ring])) > 500
    assert mates(ring) == (0, 0)
    assert mates([*wide, *ring[:18]]) == (0, 0)


@pytest.mark.parametrize(
    ("name", "shared"),
    [
        ("held_contents", {"content": "video"}),
        ("held_network", {"network": "cellar"}),
        ("held_device", {"device": "shelf"}),
    ],
)
def test_those_who_share_with_people_held_are_near_them_and_nobody_is_near_themselves(
    name: str, shared: dict[str, str]
) -> None:
    likes = spread("x", **shared)  # type: ignore[arg-type]
    others: list[object] = [f"x {n}" for n in range(20) if n != 5]
    assert sign(likes, name, "x 5", others) > 0
    assert sign(likes, name, "x 5", ["x 5"]) == 0


def test_a_network_with_regular_people_is_a_town() -> None:
    heavy = [like._replace(person=b"heavy" + like.person[5:]) for like in regular_people(6, people=8, days=25)]
    town = [like._replace(network=b"12345678") for like in [*heavy, *spread("x")]]
    inputs, number = rule_input([*HONEST, *town])
    assert find_signs(inputs)["network"][number("x 5")] == 0


def test_a_rush_pushes_nobody() -> None:
    rush = [observe(5 * DAY_US + n * 60 * SECOND_US, f"fan {n}", "star", network=f"at {n}") for n in range(60)]
    inputs, number = rule_input([*HONEST, *rush])
    signs = find_signs(inputs)
    assert {name: signs[name][number("fan 7")] for name in ("pushed", "moment", "held_contents")} == {
        "pushed": 0,
        "moment": 0,
        "held_contents": 0,
    }


def test_every_sign_is_found_for_every_person() -> None:
    inputs, _ = rule_input(HONEST)
    signs = find_signs(inputs)
    assert set(signs) == set(SIGNS)
    assert {len(values) for values in signs.values()} == {len(inputs.window.person_likes)}


def test_evidence_rises_with_the_count_and_falls_with_the_expectation() -> None:
    assert [log2_hundredths(number) for number in (1, 2, 3, 1_024)] == [0, 100, 158, 1_000]
    assert [evidence(count, 50) for count in (0, 1, 3, 6)] == [0, 28, 414, 1_356]
    assert evidence(5, 500) == evidence(0, 0) == 0
    assert evidence(1_000, 1) == EVIDENCE_MAX
    counts = [evidence(count, 120) for count in range(40)]
    assert counts == sorted(counts)
    expectations = [evidence(9, expected) for expected in range(1, 900, 60)]
    assert expectations == sorted(expectations, reverse=True)
    assert [surplus_bp(count, 100, 200) for count in (0, 1, 4, 98)] == [0, 0, 5_000, 9_700]
