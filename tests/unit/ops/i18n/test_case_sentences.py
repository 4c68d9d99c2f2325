"""Cases in words: a sentence for every kind of rule, in both languages, from its counts."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.authenticity.kinds import KINDS
from campaigns.authenticity.ruleset import default_ruleset
from ops.i18n.case_sentences import CaseFacts, deadline_sentence, evidence_sentences
from ops.i18n.language import LOCALES, Language

NOW = datetime(2026, 12, 1, tzinfo=UTC)
COUNTS = {
    "device.crowd": {"people": 60, "people_at_once": 60},
    "device.rotation": {"likes": 9, "devices": 7},
    "pace.burst": {"likes": 40, "bursts": 3},
    "pace.clock": {"likes": 40, "evenly_timed": 20},
    "lockstep.slots": {"likes": 9, "slots": 4, "people": 12},
    "lockstep.network": {"likes": 9, "contents": 4},
    "crowd.content": {"likes": 9, "marked": 4, "newcomers_beside": 30},
    "crowd.network": {"likes": 9, "marked": 4, "newcomers_beside": 30},
    "session.strange": {"likes": 40, "in_session": 5, "marked": 3},
    "score.person": {"likes": 2, "points": 97, "network_points": 40},
    "unwatched.new": {"likes": 1},
    "watch.loops": {"likes": 1},
}


def facts(kind: str, **numbers: int) -> CaseFacts:
    days = ("2026-11-01", "2026-11-03")
    return CaseFacts(
        kind, COUNTS.get(kind, {"people": 3}), numbers, 120, 60, days, is_counting=False, is_breaker=False
    )


@pytest.mark.parametrize("language", sorted(LOCALES))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_rule_has_a_sentence(kind: str, language: Language):
    rule = next(rule for rule in default_ruleset().rules if rule.kind_name == kind)
    [sentence, _] = evidence_sentences(facts(kind, **rule.numbers), language)
    assert kind not in sentence


def test_a_kind_of_another_release_is_described_by_its_counts():
    assert evidence_sentences(facts("shape.round"), "en")[0] == "The rule shape.round reports: accounts 3."


def test_sixty_accounts_on_one_device_are_said_in_words():
    sentences = evidence_sentences(facts("device.crowd", window_hours=3, people_from=5), "en")
    assert sentences == [
        "60 accounts used one device, 60 of them within 3 hours.",
        "The case has 120 likes of 60 accounts, from 2026-11-01 to 2026-11-03.",
    ]


@pytest.mark.parametrize(
    ("left", "undecided", "sentence"),
    [
        (timedelta(days=4, hours=5), "void", "Decide within 4 days, else void."),
        (timedelta(hours=30), "release", "Decide within 30 hours, else released."),
        (timedelta(minutes=9), "void", "Decide within 1 hour, else void."),
        (timedelta(0), "void", "The time is over: its likes will be void."),
    ],
)
def test_the_deadline_says_what_happens_otherwise(left: timedelta, undecided: str, sentence: str):
    assert deadline_sentence(NOW + left, undecided, NOW, "en") == sentence
