"""Form values become a command's body and back without loss."""

import orjson
import pytest

from campaigns.promise.model import AuthenticityPolicy, Promise
from ops.admin import registry
from ops.http.admin_web.forms import parsing
from ops.http.admin_web.forms.parsing import InputFormat
from ops.http.admin_web.forms.schema import form_schema
from running_service import promise

INPUT_FORMAT = InputFormat("CNY", "Asia/Shanghai")
PARTS = form_schema(Promise)


def test_a_promise_survives_the_form() -> None:
    original = promise(terms={"daily_cap_minor": 505, "likes_per_person_per_day": 20})
    original = original.model_copy(update={"authenticity": AuthenticityPolicy(rules="none")})
    values = parsing.from_body(PARTS, original.model_dump(mode="json", exclude_none=True), INPUT_FORMAT)
    assert (values["terms.daily_cap_minor"], values["terms.beneficiaries.0.share_bp"]) == ("5.05", "70")
    assert values["campaign.starts_at"] == "2022-04-08T00:00"
    body = parsing.to_body(PARTS, values, INPUT_FORMAT)
    assert Promise.model_validate_json(orjson.dumps(body)) == original


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("12.5", "CNY", 1250),
        ("12", "CNY", 1200),
        ("1,200.05", "CNY", 120005),
        ("0.01", "CNY", 1),
        ("1.500", "KWD", 1500),
        ("700", "JPY", 700),
        ("-1", "CNY", -100),
        ("1.005", "CNY", "1.005"),
        ("1.5", "JPY", "1.5"),
        ("1.", "CNY", "1."),
        ("1e3", "CNY", "1e3"),
        ("١", "CNY", "١"),
        ("9" * 40, "CNY", "9" * 40),
    ],
)
def test_an_amount_is_parsed_exactly_or_passed_on_as_typed(typed: str, currency: str, minor: int | str) -> None:
    parts = form_schema(registry.find_command("campaign.fund").body_type)
    assert parsing.to_body(parts, {"amount_minor": typed}, InputFormat(currency)) == {"amount_minor": minor}


ROWS = {"terms.beneficiaries.0.charity": "trees", "terms.beneficiaries.1.charity": "schools"}


def test_a_row_is_added_at_the_end_and_gets_the_focus() -> None:
    values = parsing.apply_row_action(PARTS, ROWS, "add.terms.beneficiaries")
    assert values["terms.beneficiaries.2.charity"] == ""
    assert parsing.focus_after_row_action(PARTS, values, "add.terms.beneficiaries") == "terms.beneficiaries.2"


def test_removing_a_row_moves_the_later_rows_up() -> None:
    values = parsing.apply_row_action(PARTS, ROWS, "remove.terms.beneficiaries.0")
    assert values == {"terms.beneficiaries.0.charity": "schools"}
    assert parsing.focus_after_row_action(PARTS, values, "remove.terms.beneficiaries.0") == "terms.beneficiaries"


@pytest.mark.parametrize("action", ["add.nothing", "remove.terms.beneficiaries.x", "remove.terms"])
def test_an_unknown_row_action_changes_nothing(action: str) -> None:
    assert parsing.apply_row_action(PARTS, ROWS, action) == ROWS
