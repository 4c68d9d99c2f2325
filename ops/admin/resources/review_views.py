"""Cases and their likes as JSON for reviewers: counts, money and words, never a person's id."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from typing_extensions import TypedDict

from campaigns.authenticity.ruleset import Rule
from campaigns.intake.batch_tree import encode_receipt
from campaigns.review.case_money import CaseMoney
from campaigns.review.cases import Case, CaseStep, RelatedCase
from ledger.money import Money, to_money
from ops.i18n.case_sentences import CaseFacts, deadline_sentence, evidence_sentences

State = Literal["open", "closed"]


class Sentences(TypedDict):
    """Sentences in both languages."""

    zh: list[str]
    en: list[str]


class CaseView(TypedDict):
    """A case.

    `money` is the amount due with its likes, less the amount due without them. `hash` is what a
    second person approves. `counting`: its likes count until two people void them. `breaker`: the
    settlement of its days waits. `undecided`: what becomes of its likes after `due_at`.
    """

    case: str
    campaign: str
    state: State
    outcome: str | None
    family: str
    rule: str
    ruleset: int
    counting: bool
    breaker: bool
    likes: int
    people: int
    currency: str
    money: Money
    opened_at: str
    due_at: str
    closed_at: str | None
    undecided: str
    says: Sentences
    hash: str


class OutcomeView(TypedDict):
    """What a decision would do: change of counted likes, amount due afterwards and its change."""

    counted_likes: int
    due: Money
    change: Money


class StepView(TypedDict):
    """What somebody did with a case; `by` is `rules` if no person did."""

    number: int
    action: str
    by: str
    approved_by: str | None
    at: str
    likes: int
    note: str | None


class RelatedCaseView(TypedDict):
    """Another case, and the number of people of this one who are in it."""

    case: str
    family: str
    state: State
    outcome: str | None
    people: int


class CaseLikeView(TypedDict):
    """A like in a case; `person` is the person's pseudonym in the campaign."""

    case: str | None
    campaign: str
    content: str
    person: str
    day: str | None
    at: str
    state: str
    verdict: str | None
    families: list[str]
    rules: list[str]
    ruleset: int | None
    stage: str | None
    decided_by: str | None
    decided_at: str | None
    receipt: str | None


class CaseDetail(CaseView):
    """A case with its evidence, its likes, and what each decision would cost.

    `likes_listed` are the first likes; `likes_next` is the cursor of `GET /review/likes?case=…`.
    """

    evidence: dict[str, int]
    first_day: str | None
    last_day: str | None
    if_released: OutcomeView
    if_void: OutcomeView
    people_in_other_cases: list[RelatedCaseView]
    steps: list[StepView]
    likes_listed: list[CaseLikeView]
    likes_next: str | None


def case_view(case: Case, rule: Rule | None, money: CaseMoney, digest: bytes, now: datetime) -> CaseView:
    """Return a case as a row. Pure."""
    return {
        "case": case.case_id,
        "campaign": case.campaign.slug,
        "state": "open" if case.closed_at is None else "closed",
        "outcome": case.outcome,
        "family": case.family,
        "rule": case.rule,
        "ruleset": case.ruleset,
        "counting": case.is_counting,
        "breaker": case.is_breaker,
        "likes": case.likes,
        "people": case.people,
        "currency": case.currency,
        "money": to_money(money.at_stake_minor, case.currency),
        "opened_at": case.opened_at.isoformat(),
        "due_at": case.due_at.isoformat(),
        "closed_at": case.closed_at.isoformat() if case.closed_at else None,
        "undecided": case.default_decision,
        "says": case_sentences(case, rule, now),
        "hash": digest.hex(),
    }


def case_sentences(case: Case, rule: Rule | None, now: datetime) -> Sentences:
    """Return a case in words: its evidence, and while it is open its deadline. Pure."""
    days = (case.first_day.isoformat(), case.last_day.isoformat()) if case.first_day and case.last_day else None
    kind, numbers = (rule.kind_name, rule.numbers) if rule else (case.rule, {})
    size = case.likes, case.people, days
    facts = CaseFacts(kind, case.evidence, numbers, *size, case.is_counting, case.is_breaker)
    sentences: Sentences = {"zh": evidence_sentences(facts, "zh"), "en": evidence_sentences(facts, "en")}
    if case.closed_at is None:
        sentences["zh"].append(deadline_sentence(case.due_at, case.default_decision, now, "zh"))
        sentences["en"].append(deadline_sentence(case.due_at, case.default_decision, now, "en"))
    return sentences


def outcome_views(case: Case, money: CaseMoney) -> tuple[OutcomeView, OutcomeView]:
    """Return what releasing and voiding a case would do. Pure."""
    return (
        _outcome_view(case.currency, money.more_likes, money.due_minor, money.due_released_minor),
        _outcome_view(case.currency, -money.fewer_likes, money.due_minor, money.due_void_minor),
    )


def _outcome_view(currency: str, likes: int, now_minor: int, then_minor: int) -> OutcomeView:
    return {
        "counted_likes": likes,
        "due": to_money(then_minor, currency),
        "change": to_money(then_minor - now_minor, currency),
    }


def step_views(steps: Sequence[CaseStep]) -> list[StepView]:
    """Return the steps of a case. Pure."""
    return [
        {
            "number": step.number,
            "action": step.action,
            "by": step.by,
            "approved_by": step.approved_by,
            "at": step.at.isoformat(),
            "likes": step.likes,
            "note": step.note,
        }
        for step in steps
    ]


def related_views(related: Sequence[RelatedCase]) -> list[RelatedCaseView]:
    """Return other cases of the same people. Pure."""
    return [
        {
            "case": row.case_id,
            "family": row.family,
            "state": "open" if row.closed_at is None else "closed",
            "outcome": row.outcome,
            "people": row.people,
        }
        for row in related
    ]


def case_like_view(row: Any) -> CaseLikeView:
    """Return a row of `list_case_likes` as JSON. Pure."""
    has_receipt = row["nonce_key"] is not None
    receipt = encode_receipt(row["batch_id"], row["position"], row["nonce_key"]) if has_receipt else None
    return like_view(row, row["slug"], row["content"], row["person"], receipt)


def like_view(row: Any, slug: str, content: str, person: bytes, receipt: str | None) -> CaseLikeView:
    """Return what rules and people decided about a like. Pure."""
    return {
        "case": row["case_id"],
        "campaign": slug,
        "content": content,
        "person": person.hex(),
        "day": row["day"].isoformat() if row["day"] else None,
        "at": row["event_at"].isoformat(),
        "state": row["state"],
        "verdict": row["verdict"],
        "families": list(row["families"] or ()),
        "rules": list(row["rules"] or ()),
        "ruleset": row["ruleset"],
        "stage": row["stage"],
        "decided_by": row["decided_by"],
        "decided_at": row["decided_at"].isoformat() if row["decided_at"] else None,
        "receipt": receipt,
    }
