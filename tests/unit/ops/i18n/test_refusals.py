"""Refusals by code: every sentence in both languages, values written for people."""

import re
from datetime import date
from string import Formatter
from typing import Any

import pytest

from campaigns.errors import CampaignClosed, FieldError, RequestRefused
from ledger.errors import IdempotencyKeyConflict, SettlementRefused
from ops.i18n import refusals
from ops.i18n.field_kinds import FieldKind
from ops.i18n.language import Language
from ops.i18n.refusals import code_text, json_params, refusal_catalogue, refusal_text


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("code", refusal_catalogue())
def test_no_sentence_has_a_value_that_the_english_one_lacks(code: str) -> None:
    sentence = refusal_catalogue()[code]
    assert sentence["en"]
    assert sentence["zh"]
    assert placeholders(sentence["zh"]) <= placeholders(sentence["en"])


REFUSED_FILES = [
    "archive_broken",
    "archive_encrypted",
    "archive_members_too_many",
    "archive_nested",
    "statement_balance_missing",
    "statement_changed",
    "statement_changes_currency",
    "statement_direction_invalid",
    "statement_does_not_add_up",
    "statement_file_empty",
    "statement_file_is_binary",
    "statement_file_not_text",
    "statement_file_too_large",
    "statement_missing",
    "statement_too_long",
    "xml_too_large",
]


@pytest.mark.parametrize("code", REFUSED_FILES)
def test_a_refused_bank_file_says_what_to_do(code: str) -> None:
    sentence = refusal_catalogue()[code]
    assert re.search(r"\b([Aa]sk|[Ii]mport|[Ee]xport|[Dd]ownload) ", sentence["en"])
    assert "请" in sentence["zh"]


@pytest.mark.parametrize(
    ("name", "value", "english", "chinese"),
    [
        ("name", "forest", "forest", "forest"),
        ("state", "returned", "returned", "被退回"),
        ("role", "finance", "finance", "财务"),
        ("roles", ["finance", "owner"], "finance, owner", "财务、所有者"),
        ("names", ["a", "b"], "a, b", "a、b"),
        ("command", "campaign.fund", "Fund the budget", "注入预算"),
        ("lines_number", 12000, "12,000", "12,000"),
        ("size_bytes", 1048576, "1,048,576", "1,048,576"),
        ("share_bp", 1250, "12.5%", "12.5%"),
        ("amount_minor", 1250, "CN¥12.50", "¥12.50"),
        ("year", 2026, "2026", "2026"),
        ("day", date(2026, 12, 1), "2026-12-01", "2026-12-01"),
        ("cause", CampaignClosed("forest"), "The campaign forest is closed", "活动 forest 已关闭"),
    ],
)
def test_a_value_is_written_by_the_last_word_of_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: Any, english: str, chinese: str
) -> None:
    sentences = {"test": {"en": f"<{{{name}}}>", "zh": f"<{{{name}}}>"}, "campaign_closed": closed_sentence()}
    monkeypatch.setattr(refusals, "refusal_catalogue", lambda: sentences)
    refusal = RequestRefused("test", **{name: value})
    assert refusal_text(refusal, "en", currency="CNY") == f"<{english}>"
    assert refusal_text(refusal, "zh", currency="CNY") == f"<{chinese}>"


def closed_sentence() -> dict[Language, str]:
    return {"en": "The campaign {slug} is closed.", "zh": "活动 {slug} 已关闭。"}


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"line_minor": 5, "line_currency": "KWD", "currency": "CNY"}, "KWD\N{NO-BREAK SPACE}0.005"),
        ({"line_minor": 5, "currency": "CNY"}, "CN¥0.05"),
        ({"line_minor": 500000}, "500,000 minor units"),
    ],
)
def test_an_amount_takes_the_currency_nearest_to_it(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], text: str
) -> None:
    sentence: dict[Language, str] = {"en": "{line_minor}", "zh": "{line_minor}"}
    monkeypatch.setattr(refusals, "refusal_catalogue", lambda: {"test": sentence})
    assert code_text("test", params, "en") == text


def test_a_kind_of_field_may_have_a_sentence_of_its_own() -> None:
    error = FieldError("rate.amount_minor", "int_type")
    assert refusal_text(error, "en") == "Enter a whole number."
    assert refusal_text(error, "en", kind=FieldKind.MONEY).startswith("Enter an amount such as 12.50")
    missing = FieldError("rate.amount_minor", "missing")
    assert refusal_text(missing, "en", kind=FieldKind.MONEY) == refusal_text(missing, "en")


def test_a_code_without_a_sentence_is_shown_with_its_values() -> None:
    assert refusal_text(SettlementRefused("code_of_no_catalogue", payout="pay_1"), "zh") == (
        "code_of_no_catalogue: payout=pay_1"
    )


def test_a_sentence_whose_value_is_missing_is_shown_as_its_code() -> None:
    assert code_text("campaign_closed", {"name": "forest"}, "en") == "campaign_closed: name=forest"


def test_the_field_of_another_content_has_a_label() -> None:
    assert "“转出账户”" in refusal_text(IdempotencyKeyConflict("k", "from_account"), "zh")


def test_choices_are_a_list_in_each_language() -> None:
    error = FieldError("results", "literal_error", {"expected": ["all", "none"]})
    assert refusal_text(error, "en") == "Choose one of these: all, none."
    assert refusal_text(error, "zh") == "请选择其中之一：all、none。"


@pytest.mark.parametrize(
    ("number", "value"),
    [(2**53 - 1, 2**53 - 1), (2**53, str(2**53)), (1 - 2**53, 1 - 2**53), (-(2**70), str(-(2**70)))],
)
def test_an_integer_that_readers_would_round_is_a_string(number: int, value: Any) -> None:
    assert json_params({"n": number}) == {"n": value}


def test_values_become_json_values() -> None:
    params = {"day": date(2026, 12, 1), "roles": ("finance", "owner"), "n": 1, "cause": CampaignClosed("forest")}
    assert json_params(params) == {
        "day": "2026-12-01",
        "roles": ["finance", "owner"],
        "n": 1,
        "cause": "campaign_closed",
    }
