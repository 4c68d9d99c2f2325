"""Form parts for the template: errors at the nearest part, names in both languages."""

from typing import Any

import pytest

from campaigns.errors import FieldError
from campaigns.promise.model import Promise
from ops.admin import registry
from ops.http.admin_web.forms.parsing import InputFormat
from ops.http.admin_web.forms.rendering import RenderedField, nearest_path, render_form
from ops.http.admin_web.forms.schema import form_schema, iterate_fields
from ops.i18n.language import TEXTS

INPUT_FORMAT = InputFormat("CNY", "Asia/Shanghai")
PARTS = form_schema(Promise)


@pytest.mark.parametrize("command", registry.COMMANDS, ids=lambda command: command.name)
def test_each_command_and_field_has_a_name_in_both_languages(command: Any) -> None:
    assert text_key("command", command) in TEXTS
    for field in iterate_fields(form_schema(command.body_type)):
        parts = [part for part in field.path.split(".") if part != "*"]
        assert any("field_" + "_".join(parts[n:]) in TEXTS for n in range(len(parts))), field.path


def test_each_note_is_about_a_command() -> None:
    keys = {text_key("note", command) for command in registry.COMMANDS}
    assert {key for key in TEXTS if key.startswith("note_")} <= keys


def text_key(kind: str, command: Any) -> str:
    return f"{kind}_{command.name}".replace(".", "_").replace("-", "_")


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("terms.beneficiaries.0.account.iban", "terms.beneficiaries.0.account"),
        ("terms.beneficiaries.7", "terms.beneficiaries"),
        ("promise", ""),
    ],
)
def test_an_error_belongs_to_the_nearest_part(path: str, nearest: str) -> None:
    assert nearest_path(path, ["terms", "terms.beneficiaries", "terms.beneficiaries.0.account"]) == nearest


def test_an_error_of_no_field_is_in_the_summary() -> None:
    form = render_form(PARTS, {}, [FieldError("promise", "too_long", {"max_length": 5})], INPUT_FORMAT, "en")
    assert [(item.id, item.where, item.reason) for item in form.summary] == [("", "", "Enter at most 5 items.")]


def test_an_error_of_an_amount_has_the_sentence_for_amounts() -> None:
    error = FieldError("terms.daily_cap_minor", "int_type")
    form = render_form(PARTS, {"terms.daily_cap_minor": "much"}, [error], INPUT_FORMAT, "en")
    (item,) = form.summary
    assert (item.id, item.reason[:26]) == ("f-terms-daily_cap_minor", "Enter an amount such as 12")
    assert find_field(form.parts, "terms.daily_cap_minor").errors == [item.reason]


def test_the_first_input_at_the_focus_path_gets_the_focus() -> None:
    form = render_form(PARTS, {}, [], INPUT_FORMAT, "en", focus="terms.beneficiaries.0")
    assert [part.path for part in flatten(form.parts) if part.is_focus] == ["terms.beneficiaries.0.charity"]


def find_field(parts: list[RenderedField], path: str) -> RenderedField:
    return next(part for part in flatten(parts) if part.path == path)


def flatten(parts: list[RenderedField]) -> list[RenderedField]:
    return [item for part in parts for item in [part, *flatten(part.parts)]]
