"""A case in words: its evidence in counts, what becomes of its likes, and until when to decide."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from ops.i18n import formats
from ops.i18n.language import TEXTS, Language, translate

_HOUR_SECONDS, _DAY_HOURS = 3_600, 24
_MINUTE_SECONDS = 60
_SPANS = {"window_seconds": 1, "window_hours": _HOUR_SECONDS, "slot_minutes": _MINUTE_SECONDS}


class CaseFacts(NamedTuple):
    """What the sentences about a case say; `numbers` are those of its rule."""

    kind: str  # of its rule
    evidence: Mapping[str, int]
    numbers: Mapping[str, int]
    likes: int
    people: int
    days: tuple[str, str] | None  # of its first and last like
    is_counting: bool
    is_breaker: bool


def evidence_sentences(facts: CaseFacts, language: Language) -> list[str]:
    """Return why the rules hold these likes, in counts, and what happens to them. Pure."""
    sentences = [_finding_sentence(facts, language), _size_sentence(facts, language)]
    if facts.is_breaker:
        sentences.append(translate("case_is_breaker", language))
    elif facts.is_counting:
        sentences.append(translate("case_is_counting", language))
    return sentences


def _finding_sentence(facts: CaseFacts, language: Language) -> str:
    figures = {name: formats.number(count, language) for name, count in facts.evidence.items()}
    spans = {
        name: span_text(facts.numbers[name] * seconds, language)
        for name, seconds in _SPANS.items()
        if name in facts.numbers
    }
    least = (
        {"likes_from": formats.number(facts.numbers["likes_from"], language)} if "likes_from" in facts.numbers else {}
    )
    key = f"evidence_{facts.kind}".replace(".", "_")
    try:
        return translate(key, language, **figures, **spans, **least)
    except KeyError:  # a kind of another release, or evidence with other counts
        return _plain_sentence(facts, figures, language)


def _plain_sentence(facts: CaseFacts, figures: Mapping[str, str], language: Language) -> str:
    names = ((TEXTS.get(f"evidence_count_{name}", {}).get(language, name), text) for name, text in figures.items())
    counts = translate("evidence_separator", language).join(f"{name} {text}" for name, text in names)
    return translate("evidence_of_rule", language, rule=facts.kind, counts=counts)


def _size_sentence(facts: CaseFacts, language: Language) -> str:
    likes, people = (formats.number(count, language) for count in (facts.likes, facts.people))
    if facts.days is None:
        return translate("case_is_empty", language)
    first, last = facts.days
    key = "case_size_of_day" if first == last else "case_size"
    return translate(key, language, likes=likes, people=people, first=first, last=last)


def span_text(seconds: int, language: Language) -> str:
    """Return a time span in the largest unit that divides it: `7 days`, `3 hours`. Pure."""
    for unit, size in (("days", _DAY_HOURS * _HOUR_SECONDS), ("hours", _HOUR_SECONDS), ("minutes", _MINUTE_SECONDS)):
        if seconds >= size and seconds % size == 0:
            return _units_text(unit, seconds // size, language)
    return _units_text("seconds", seconds, language)


def _units_text(unit: str, number: int, language: Language) -> str:
    key = f"span_{unit}_1" if number == 1 else f"span_{unit}"
    return translate(key, language, number=formats.number(number, language))


def deadline_sentence(due_at: datetime, undecided: str, now: datetime, language: Language) -> str:
    """Return until when people decide, and what happens otherwise. Pure."""
    left = due_at - now
    otherwise = translate(f"case_else_{undecided}", language)
    if left <= timedelta(0):
        return translate("case_overdue", language, otherwise=otherwise)
    hours = max(1, left // timedelta(hours=1))
    whole = hours * _HOUR_SECONDS if hours < 2 * _DAY_HOURS else hours // _DAY_HOURS * _DAY_HOURS * _HOUR_SECONDS
    return translate("case_deadline", language, span=span_text(whole, language), otherwise=otherwise)
