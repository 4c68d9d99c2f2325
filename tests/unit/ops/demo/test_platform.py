"""The simulated platform: the same seed is the same run, everything occurs, and its own count stands alone."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from campaigns.authenticity.engine import judge, judge_one
from campaigns.authenticity.observation import ObservationReader
from campaigns.authenticity.ruleset import default_ruleset
from campaigns.promise.calendar import to_microseconds
from ops.demo.comparison import Figure, compare_totals
from ops.demo.crowd import Crowd
from ops.demo.expected import Decisions, ExpectedCounts, PledgeRules, expect_pledged_minor
from ops.demo.platform import SimulatedCampaign, Simulation
from ops.demo.reader import PublicFigures
from ops.demo.webhooks import ResponseTally, make_webhooks
from ops.replay.batches import Batch

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
RULES = PledgeRules(amount_minor=7, per_likes=10, daily_cap_minor=20_000, likes_per_person_per_day=20)
STAGE = SimulatedCampaign("demo", ZoneInfo("Asia/Shanghai"), datetime(2026, 11, 8, 16, tzinfo=UTC), 8, RULES)


def run_simulation(
    likes: int = 3_000, label: str = "run", now: datetime = NOW
) -> tuple[list[dict[str, object]], ExpectedCounts]:
    simulation = Simulation(STAGE, label, likes, now)
    return list(simulation.messages()), simulation.expected


def test_the_same_label_is_the_same_run_and_another_is_another():
    assert run_simulation() == run_simulation()
    assert run_simulation()[0] != run_simulation(label="another")[0]


@pytest.mark.parametrize("likes", [1, 2, 500])
def test_as_many_are_sent_as_were_asked_for(likes: int):
    assert likes <= len(run_simulation(likes)[0]) <= likes + 2


def test_everything_that_can_go_wrong_does():
    messages, expected = run_simulation(20_000)
    grown = expected.totals()
    assert all(grown[name] > 0 for name in ("counted", "duplicate", "withdrawn", "over_limit")), grown
    assert set(expected.refusals) == {"too_late", "not_running", "in_future", "invalid"}
    assert Counter(message["action"] for message in messages).keys() == {"like", "unlike", "superlike"}


def test_every_message_is_accounted_for():
    messages, expected = run_simulation(20_000)
    unlikes = sum(message["action"] == "unlike" for message in messages)
    grown = expected.totals()
    first = grown["counted"] + grown["over_limit"] + grown["withdrawn"]
    assert len(messages) == first + grown["duplicate"] + unlikes + expected.refusals.total()


def test_only_the_fakes_look_fake_as_they_arrive():
    messages, expected = run_simulation(20_000)
    reader, rules = ObservationReader(bytes(32)), default_ruleset()
    observations = [reader.observe(0, b"", "", "", message["signals"]) for message in messages]  # type: ignore[arg-type]
    assert sum(bool(judge_one(observation, rules)) for observation in observations) == sum(
        attack in ("not watched", "impossible watch time") for attack in expected.fakes.values()
    )


@pytest.mark.parametrize("label", ["run", "another", "third"])
def test_the_rules_stop_the_attacks_and_spare_honest_people(label: str):
    messages, expected = run_simulation(1_500, label)
    reader = ObservationReader(bytes(32))
    judgement = judge(
        (
            reader.observe(
                to_microseconds(message["event_at"]),
                str(message["person"]).encode(),
                str(message["content"]),
                "",
                message["signals"],  # type: ignore[arg-type]
            )
            for message in messages
            if message["action"] == "like" and message["event_at"] <= NOW  # type: ignore[operator]
        ),
        default_ruleset(),
        "Asia/Shanghai",
    )
    held_likes = {(verdict.person.decode(), verdict.content) for verdict in judgement.verdicts}
    assert len(held_likes & expected.fakes.keys()) * 2 >= len(expected.fakes) > 0
    assert len(held_likes - expected.fakes.keys()) * 20 <= len(expected.likes) - len(expected.fakes)
    assert judgement.waiting_days == ()


DAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("decisions", "decisions_before", "grown"),
    [
        ({}, {}, {"counted": 2}),
        ({("new", "b"): "quarantined"}, {}, {"counted": 1, "quarantined": 1}),
        ({("old", "a"): "void"}, {}, {"counted": 1, "void": 1}),  # a like of an earlier run no longer counts
        ({("old", "a"): "void"}, {("old", "a"): "quarantined"}, {"counted": 2, "quarantined": -1, "void": 1}),
        ({}, {("old", "a"): "quarantined"}, {"counted": 3, "quarantined": -1}),
    ],
)
def test_decisions_move_likes_of_this_run_and_of_earlier_ones(
    decisions: Decisions, decisions_before: Decisions, grown: dict[str, int]
):
    expected = ExpectedCounts(RULES, likes={("new", "a"): DAY, ("new", "b"): DAY}, decisions=decisions)
    expected.earlier_likes, expected.earlier_decisions = {("old", "a"): DAY}, decisions_before
    assert {state: likes for state, likes in expected.totals().items() if likes} == grown
    assert expected.counted_by_day() == {DAY: grown["counted"]}


def test_a_held_like_leaves_its_place_under_the_daily_limit():
    likes = {("person", f"video-{n}"): DAY for n in range(22)}
    expected = ExpectedCounts(RULES, likes=dict(likes))
    assert (expected.totals()["counted"], expected.totals()["over_limit"]) == (20, 2)
    expected.decisions = dict.fromkeys(list(likes)[:5], "quarantined")
    assert (expected.totals()["counted"], expected.totals()["over_limit"]) == (17, 0)


@pytest.mark.parametrize("hours", [0, 1, 15.99, 16.01, 17.5, 24])
def test_likes_lie_in_the_past_and_on_the_days_that_they_are_counted_on(hours: float):
    now = NOW + timedelta(hours=hours)
    simulation = Simulation(STAGE, "run", 2_000, now)
    standing = [m for m in simulation.messages() if m["action"] == "like" and m["event_at"] <= now]
    days = Counter(message["event_at"].astimezone(STAGE.timezone).date() for message in standing)
    assert simulation.expected.counted_by_day().keys() <= days.keys()


def test_a_campaign_that_began_today_has_likes_of_today_alone():
    stage = STAGE._replace(starts_at=datetime(2026, 11, 22, 16, tzinfo=UTC))
    simulation = Simulation(stage, "run", 200, NOW)
    assert len(list(simulation.messages())) >= 200
    assert set(simulation.expected.counted_by_day()) == {date(2026, 11, 23)}


def test_no_pair_of_person_and_video_is_drawn_twice():
    crowd = Crowd(Random(1), "run", 100)
    pairs = [crowd.draw_pair() for _ in range(5_000)]
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize(
    ("counted", "funded_minor", "expected_minor"),
    [
        ({}, 100, 0),
        ({1: 1}, 100, 0),
        ({1: 10}, 100, 7),
        ({1: 5, 2: 5}, 100, 7),
        ({1: 9, 2: 9}, 100, 12),
        ({1: 10}, 5, 5),
        ({1: 1_000_000, 2: 10}, 10**9, 20_007),
    ],
)
def test_its_own_arithmetic(counted: dict[int, int], funded_minor: int, expected_minor: int):
    days = {date(2026, 11, day): likes for day, likes in counted.items()}
    assert expect_pledged_minor(RULES, days, funded_minor) == expected_minor


def test_webhooks_are_sent_again_byte_for_byte_under_places_of_their_own():
    made = list(make_webhooks(run_simulation(20_000)[0], "run", NOW))
    bodies: dict[str, set[bytes]] = {}
    for batch in made:
        bodies.setdefault(batch.webhook_id, set()).add(batch.body)
    assert len(bodies) < len(made)
    assert all(len(copies) == 1 for copies in bodies.values())
    assert [batch.sequence for batch in made] == list(range(len(made)))
    assert {1, 20, 500} <= {batch.likes for batch in made}


def test_an_answer_that_changes_when_asked_again_is_noticed():
    batch, answers = Batch(0, "id", b"", 2, 0), ResponseTally()
    for answer in (b'{"outcomes":{"counted":2}}', b'{"outcomes":{"counted":2}}', b'{"outcomes":{"counted":1}}'):
        answers.record(batch, answer)
    assert (answers.likes, answers.repeats, answers.changed_repeats) == (2, 2, 1)


def test_a_public_total_that_is_one_off_is_told():
    simulation = Simulation(STAGE, "run", 2_000, NOW)
    assert len(list(simulation.messages())) >= 2_000
    grown, counted = simulation.expected.totals(), simulation.expected.counted_by_day()
    answers = ResponseTally(outcomes=Counter(simulation.expected.refusals))
    before = PublicFigures(dict.fromkeys(grown, 5), Counter(), 10**6, 0)
    pledged = expect_pledged_minor(RULES, counted, 10**6)
    right = PublicFigures({name: likes + 5 for name, likes in grown.items()}, counted, 10**6, pledged)
    wrong = PublicFigures(
        right.likes | {"duplicate": 0}, counted + Counter({date(2026, 11, 20): 1}), 10**6, pledged + 1
    )

    def differing(after: PublicFigures) -> list[str]:
        figures = compare_totals(simulation.expected, before, after, answers, "CNY")
        return [figure.name for figure in figures if not figure.holds]

    assert differing(right) == []
    assert differing(wrong) == ["duplicate", "counted, every run", "days that differ", "pledged, every run"]


def test_figures_are_written_for_people():
    assert Figure("counted", 1_000, 1_000).format_number(1_000) == "1,000"
    assert Figure("pledged", 1, 1, "CNY").format_number(6_455) == "64.55 CNY"
