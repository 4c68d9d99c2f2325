"""The scorecard: many signs together hold people, none alone does; strange sessions are held by themselves."""

from collections.abc import Mapping
from typing import Any

import pytest

from campaigns.authenticity import engine
from campaigns.authenticity.engine import Judgement, RuleFailed, judge
from campaigns.authenticity.kinds import SIGNS
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.ruleset import Ruleset, RulesetRefused, ScoreCard, default_ruleset, parse_ruleset
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
SCORE = next(rule for rule in RULES.rules if rule.kind_name == "score.person")
HONEST = regular_people(1) + passers_by(2)


def with_cards(cards: list[dict[str, Any]], *rule_ids: str) -> Ruleset:
    rules = [rule for rule in RULES.rules if rule.id in {SCORE.id, *rule_ids}]
    return RULES.model_copy(update={"rules": rules, "scorecards": [ScoreCard.model_validate(card) for card in cards]})


def held_people(judgement: Judgement) -> set[bytes]:
    return {verdict.person for verdict in judgement.verdicts}


def ids(names: list[str]) -> set[bytes]:
    return {person_id(name) for name in names}


CELLAR = [f"cellar {n}" for n in range(16)]
LIKES = [
    observe(
        n * 9 * HOUR_US,
        who,
        n,
        device=who,
        network="cellar",
        watch_ms=900,
        duration_ms=9_000,
        account_age_days=90 + n // 2,
    )
    for n, who in enumerate(CELLAR)
]


@pytest.mark.parametrize(
    ("points", "holds"),
    [
        ({"network": [[5_000, 60]], "created": [[200, 60]]}, True),
        ({"network": [[5_000, 60]]}, False),
        ({"network": [[5_000, 30], [9_999, 90]]}, False),
        ({"network": [[1_000, 30], [4_000, 90]]}, True),
        ({}, False),
    ],
)
def test_points_add_up_and_the_last_step_that_is_reached_counts(
    points: Mapping[str, list[list[int]]], *, holds: bool
) -> None:
    rules = with_cards([{"likes_from": 1, "start": 0, "points": points}])
    assert held_people(judge([*HONEST, *LIKES], rules, TIMEZONE)) == (ids(CELLAR) if holds else set())


def test_the_card_for_a_persons_number_of_likes_counts_and_below_the_first_nobody_is_scored() -> None:
    sure = {"network": [[1_000, 95]]}
    assert held_people(judge([*HONEST, *LIKES], with_cards([{"likes_from": 2, "points": sure}]), TIMEZONE)) == set()
    cards = [{"likes_from": 2, "points": {}}, {"likes_from": 1, "points": sure}]
    assert held_people(judge([*HONEST, *LIKES], with_cards(cards), TIMEZONE)) == ids(CELLAR)


def test_without_cards_the_rule_holds_nobody() -> None:
    assert held_people(judge([*HONEST, *LIKES], with_cards([]), TIMEZONE)) == set()


@pytest.mark.parametrize("card", RULES.scorecards, ids=lambda card: f"from {card.likes_from} likes")
def test_no_single_sign_of_the_shipped_cards_holds_anybody(card: ScoreCard) -> None:
    for sign, steps in card.points.items():
        assert card.start + steps[-1][1] < SCORE.numbers["points_from"], sign


def test_the_evidence_names_the_points_of_each_sign() -> None:
    rules = with_cards([{"likes_from": 1, "start": 5, "points": {"network": [[1_000, 95]], "deeds": [[1, 9]]}}])
    findings = judge([*HONEST, *LIKES], rules, TIMEZONE).findings
    assert {finding.evidence for finding in findings} == {(("likes", 1), ("network_points", 95), ("points", 100))}


def test_people_of_a_gathering_are_not_scored() -> None:
    pupils = [f"pupil {n}" for n in range(14)]
    likes = group(pupils, ["x", "y", "z"], network="school", account_age_days=90)
    rules = with_cards([{"likes_from": 1, "start": 95, "points": {}}])
    assert held_people(judge([*HONEST, *likes], rules, TIMEZONE)).isdisjoint(ids(pupils))


def test_a_network_is_no_sign_where_few_likes_of_the_day_carry_one() -> None:
    rules = with_cards([{"likes_from": 1, "points": {"network": [[1_000, 95]]}}])
    other = [like._replace(platform="other") for like in LIKES]
    silent = [observe(n * HOUR_US + SECOND_US, f"silent {n}", n)._replace(platform="other") for n in range(14 * 24)]
    assert held_people(judge([*HONEST, *other], rules, TIMEZONE)) == ids(CELLAR)
    assert held_people(judge([*HONEST, *other, *silent], rules, TIMEZONE)) == set()


def test_people_of_a_crowd_with_few_points_become_a_case() -> None:
    mill = [like for n in range(25) for like in group([f"m {n}"], ["x"], at_us=n * 7 * HOUR_US, account_age_days=1)]
    few = with_cards([{"likes_from": 1, "points": {}}], "crowd.content")
    many = with_cards([{"likes_from": 1, "start": 80, "points": {}}], "crowd.content")
    spared = judge([*HONEST, *mill], few, TIMEZONE)
    assert held_people(spared) == set()
    assert {person for finding in spared.findings for person, _ in finding.case_likes} == {o.person for o in mill}
    assert held_people(judge([*HONEST, *mill], many, TIMEZONE)) == {o.person for o in mill}


def test_a_failing_sign_fails_the_pass_and_names_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "score_people", lambda _inputs, _cards: [1 // 0])
    with pytest.raises(RuleFailed) as failure:
        judge(HONEST, RULES, TIMEZONE)
    assert failure.value.rule == SCORE.id


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ("shoes = [[1, 2]]", "scorecard_sign_unknown"),
        ("network = [[5, 2], [5, 3]]", "scorecard_steps_not_rising"),
        ("network = [[5, 2], [6, 1]]", "scorecard_steps_not_rising"),
        ("network = [[5, -2]]", "scorecard_steps_not_rising"),
        ("network = [[5, 2, 1]]", "too_long"),
    ],
)
def test_a_wrong_card_is_refused(points: str, code: str) -> None:
    file = f"""
    [ruleset]
    version = 1
    reason = {{ zh = "测试", en = "A test." }}
    established = {{ days = 7, likes = 10 }}
    [[rules]]
    id = "score.person"
    family = "score"
    stage = "window"
    mode = "live"
    numbers = {{ points_from = 90 }}
    message = {{ zh = "多种迹象。", en = "Several signs." }}
    [[scorecards]]
    likes_from = 1
    [scorecards.points]
    {points}
    """
    with pytest.raises(RulesetRefused) as refusal:
        parse_ruleset(file.encode())
    assert [error.code for error in refusal.value.field_errors] == [code]


def test_the_cards_use_known_signs_alone() -> None:
    assert {sign for card in RULES.scorecards for sign in card.points} <= set(SIGNS)


OWNERS = [f"regular {n}" for n in range(6)]


def strange_session(owner: str, at_us: int, contents: list[str], gap_us: int = 90 * SECOND_US) -> list[Observation]:
    return [
        observe(at_us + n * gap_us, owner, content, device=f"thief of {owner} {at_us}", network=f"away {owner}")
        for n, content in enumerate(contents)
    ]


def test_of_a_stolen_account_the_strange_session_is_held_and_not_the_owners_likes() -> None:
    stolen = [
        like
        for n, owner in enumerate(OWNERS)
        for like in strange_session(owner, (2 + n) * DAY_US, ["x", "y", f"another {n}", "z"])
    ]
    judgement = judge([*HONEST, *stolen], RULES, TIMEZONE)
    assert {(verdict.person, verdict.content) for verdict in judgement.verdicts} == {
        (like.person, like.content) for like in stolen
    }


def test_a_burst_in_a_strange_session_is_not_held_against_the_owner() -> None:
    burst = strange_session(OWNERS[0], 3 * DAY_US, [f"c {n}" for n in range(9)], gap_us=4 * SECOND_US)
    judgement = judge([*HONEST, *burst], RULES, TIMEZONE)
    assert {verdict.content for verdict in judgement.verdicts} == {like.content for like in burst}


def test_new_telephones_and_borrowed_ones_are_not_strange() -> None:
    likes = [
        like
        for n, owner in enumerate(OWNERS)
        for like in strange_session(owner, (2 + n) * DAY_US, [f"{owner} likes {n * 5 + k}" for k in range(4)])
    ]
    assert judge([*HONEST, *likes], RULES, TIMEZONE).verdicts == ()


@pytest.mark.parametrize("contents", [12, 40, 150, 100_000])
@pytest.mark.parametrize("regulars", [0, 60])
def test_honest_people_are_not_scored_high_in_campaigns_of_any_shape(contents: int, regulars: int) -> None:
    likes = [
        like._replace(content=str(int(like.content) * 7_919 % contents))
        for like in [*regular_people(1, people=regulars), *passers_by(2, people=200)]
    ]
    judgement = judge(likes, RULES, TIMEZONE)
    assert [finding.evidence for finding in judgement.findings if finding.rule == SCORE.id] == []
    assert judgement.waiting_days == ()
