"""The engine: which people each rule holds, whom it spares, and when it holds nothing."""

from typing import Any

import pytest

from campaigns.authenticity import engine
from campaigns.authenticity.engine import INTAKE_RULES, WINDOW_RULES, Judgement, RuleFailed, digest, judge, judge_one
from campaigns.authenticity.kinds import KINDS
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.ruleset import Ruleset, default_ruleset
from observed_likes import (
    DAY_US,
    HOUR_US,
    SECOND_US,
    TIMEZONE,
    group,
    observe,
    passers_by,
    person_id,
    regular_people,
)

RULES = default_ruleset()
HONEST = regular_people(1) + passers_by(2)


def judge_with(*likes: list[Observation], rules: Ruleset = RULES) -> Judgement:
    return judge([*HONEST, *(like for part in likes for like in part)], rules, TIMEZONE)


def held_people(judgement: Judgement) -> dict[bytes, set[str]]:
    """Return the families that hold each person."""
    families: dict[bytes, set[str]] = {}
    for verdict in judgement.verdicts:
        families.setdefault(verdict.person, set()).update(verdict.families)
    return families


def change_rule(rule_id: str, **values: Any) -> Ruleset:
    rules = [rule.model_copy(update=values) if rule.id == rule_id else rule for rule in RULES.rules]
    return RULES.model_copy(update={"rules": rules})


def only(*rule_ids: str) -> Ruleset:
    return RULES.model_copy(update={"rules": [rule for rule in RULES.rules if rule.id in rule_ids]})


FARM = [f"farm {number}" for number in range(12)]
ATTACKS: dict[str, tuple[list[Observation], str]] = {
    "faster than a person": (group(["bot"], range(8), gap_us=5 * SECOND_US), "pace"),
    "as even as a clock": (group(["bot"], range(12), gap_us=120 * SECOND_US), "pace"),
    "one device, many accounts": (
        [like for n in range(6) for like in group([f"farm {n}"], [n], at_us=n * HOUR_US, device="shelf")],
        "device",
    ),
    "another device each time": (
        [observe(n * DAY_US, "emulator", n, device=f"made up {n}", network="n") for n in range(5)],
        "device",
    ),
    "the same contents at the same time": (group(FARM, ["x", "y", "z"]), "lockstep"),
    "one network, the same contents": (
        [
            like
            for n, who in enumerate(FARM)
            for like in group([who], ["x", "y"], at_us=n * 20 * HOUR_US, gap_us=30 * HOUR_US, network="cellar")
        ],
        "lockstep",
    ),
    "new accounts at one content": (
        [like for n in range(25) for like in group([f"mill {n}"], ["x"], at_us=n * 7 * HOUR_US, account_age_days=1)],
        "crowd",
    ),
    "nothing sent, one content": (
        [observe(n * 7 * HOUR_US, f"bare {n}", "x") for n in range(25)],
        "crowd",
    ),
}


@pytest.mark.parametrize(("attack", "family"), ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_held_by_its_family_and_nobody_else_is(attack: list[Observation], family: str) -> None:
    families = held_people(judge_with(attack))
    attackers = {like.person for like in attack}
    assert all(family in families.get(person, set()) for person in attackers)
    assert set(families) <= attackers


RUSH = [
    observe(
        6 * DAY_US + n * 40 * SECOND_US,
        f"fan {n}",
        "star",
        device=f"fan's {n}",
        network=f"at {n}",
        watch_ms=(n * 977) % 60_000,
        duration_ms=30_000,
        account_age_days=50 + n,
    )
    for n in range(80)
]
HONEST_GROUPS: dict[str, list[Observation]] = {
    "a celebrity's rush": RUSH,
    "a school class": group(
        [f"pupil {n}" for n in range(14)], ["x", "y", "z"], network="school", account_age_days=90
    ),
    "a family with one tablet": group(["mother", "father", "child"], range(4), gap_us=20 * HOUR_US, device="tablet"),
    "devices that name nobody": [
        observe(n * HOUR_US, f"hidden {n}", n, device="00000000-0000-0000-0000-000000000000", network=f"h {n}")
        for n in range(40)
    ],
    "a client that sends several likes at once": group(["bundle"], range(5), gap_us=0),
    "a town behind one address": [
        observe(
            n * 5 * HOUR_US, f"citizen {n}", n, network="town", device=f"c {n}", watch_ms=9_000, duration_ms=30_000
        )
        for n in range(40)
    ],
    "quiet clients": [observe(n * 9 * HOUR_US, f"quiet {n}", n % 37) for n in range(30)],
}


@pytest.mark.parametrize("likes", HONEST_GROUPS.values(), ids=HONEST_GROUPS)
def test_honest_people_who_look_alike_are_not_held(likes: list[Observation]) -> None:
    assert held_people(judge_with(likes)) == {}


def test_every_kind_of_rule_has_its_code() -> None:
    assert set(KINDS) == set(WINDOW_RULES) | set(INTAKE_RULES)
    assert {name for name, kind in KINDS.items() if kind.stage == "intake"} == set(INTAKE_RULES)


@pytest.mark.parametrize(
    ("signals", "rules"),
    [
        ({}, []),
        ({"account_age_days": 0, "watch_ms": 0}, ["unwatched.new"]),
        ({"account_age_days": 1, "watch_ms": 0}, []),
        ({"watch_ms": 1_001_000, "duration_ms": 1_000}, ["watch.loops"]),
        ({"watch_ms": 1_000_000, "duration_ms": 1_000}, []),
        ({"watch_ms": 9, "duration_ms": 0}, []),
    ],
)
def test_intake_rules_hold_one_like_in_the_delivery_and_in_the_pass(
    signals: dict[str, Any], rules: list[str]
) -> None:
    like = observe(0, "somebody", "c", **signals)
    assert judge_one(like, RULES) == rules
    assert [
        rule
        for verdict in judge([like, observe(1, "somebody", "d")], RULES, TIMEZONE).verdicts
        for rule in verdict.rules
    ] == rules


def test_a_failing_intake_rule_holds_the_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(INTAKE_RULES, "watch.loops", lambda _like, _numbers: 1 // 0)
    assert judge_one(observe(0, "somebody", "c"), RULES) == ["watch.loops"]


def test_a_failing_window_rule_fails_the_pass_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WINDOW_RULES, "pace.clock", lambda _inputs, _numbers: [1 // 0])
    with pytest.raises(RuleFailed) as failure:
        judge(HONEST, RULES, TIMEZONE)
    assert failure.value.rule == "pace.clock"


def test_a_shadow_rule_finds_and_holds_nothing() -> None:
    attack = ATTACKS["another device each time"][0]
    judgement = judge_with(attack, rules=change_rule("device.rotation", mode="shadow"))
    findings = [finding for finding in judgement.findings if finding.rule == "device.rotation"]
    assert held_people(judgement) == {}
    assert [(len(finding.recorded_likes), finding.evidence) for finding in findings] == [
        (5, (("devices", 5), ("likes", 5)))
    ]


def test_established_people_become_a_case_where_the_rule_says_so() -> None:
    shared = [like._replace(device=b"12345678") for like in regular_people(1, people=6)]
    judgement = judge(shared, only("device.crowd"), TIMEZONE)
    assert judgement.verdicts == ()
    assert {person for finding in judgement.findings for person, _ in finding.case_likes} == {
        like.person for like in shared
    }


@pytest.mark.parametrize(("people", "waits"), [(19, False), (24, True)])
def test_a_rule_that_would_hold_many_established_people_holds_nothing(people: int, *, waits: bool) -> None:
    shared = [like._replace(device=b"12345678") for like in regular_people(1, people=people)]
    rules = only("device.crowd")
    rules = rules.model_copy(update={"rules": [rules.rules[0].model_copy(update={"established": "hold"})]})
    judgement = judge([*shared, *regular_people(9)[24 * people :]], rules, TIMEZONE)
    assert (judgement.verdicts == ()) is waits
    assert bool(judgement.waiting_days) is waits


def test_a_rule_judges_no_day_of_a_platform_that_seldom_sends_its_signal() -> None:
    farm = [like._replace(platform="other") for like in ATTACKS["one device, many accounts"][0]]
    silent = [observe(n * SECOND_US, f"silent {n}", n)._replace(platform="other") for n in range(9)]
    judgement = judge_with(farm, silent)
    assert held_people(judgement) == {}
    assert [finding.held_likes for finding in judgement.findings if finding.rule == "device.crowd"] == [()]
    assert ("other", "device.crowd") in {(platform, rule) for platform, _, rule in judgement.not_judged}


def test_a_like_again_does_not_clear_a_verdict() -> None:
    attack = ATTACKS["another device each time"][0]
    again = [like._replace(event_us=like.event_us + DAY_US, device=b"87654321") for like in attack]
    assert judge_with(attack, again).verdicts == judge_with(attack).verdicts


def test_the_digest_names_every_verdict() -> None:
    verdicts = judge_with(ATTACKS["faster than a person"][0]).verdicts
    assert {verdict.person for verdict in verdicts} == {person_id("bot")}
    assert digest(verdicts) == digest(tuple(reversed(verdicts)))
    assert digest(verdicts) != digest(verdicts[1:])
    assert engine.judge([], RULES, TIMEZONE).verdicts == ()
