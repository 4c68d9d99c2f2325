"""Filters of lists: each refuses other values by a code."""

import pytest
from pydantic_core import PydanticCustomError

from ops.admin.core.pagination import BOOLEAN, INSTANT, TEXT, Filter, choice_filter

CHOICE = choice_filter(("open", "sent"))


@pytest.mark.parametrize(
    ("list_filter", "text", "code"),
    [
        (TEXT, "", "filter_text"),
        (TEXT, "a\n", "filter_text"),
        (TEXT, "x" * 301, "filter_text"),
        (BOOLEAN, "yes", "filter_boolean"),
        (CHOICE, "lost", "filter_choice"),
        (INSTANT, "yesterday", "filter_instant"),
        (INSTANT, "2026-11-23T08:00:00", "filter_instant_offset"),
        (INSTANT, "0001-01-01T00:00:00+14:00", "filter_instant_year"),
    ],
)
def test_a_wrong_value_is_refused_by_code(list_filter: Filter, text: str, code: str) -> None:
    with pytest.raises(PydanticCustomError) as refusal:
        list_filter.read(text)
    assert refusal.value.type == code


@pytest.mark.parametrize(
    ("list_filter", "text", "value"), [(TEXT, "a b", "a b"), (BOOLEAN, "true", True), (CHOICE, "sent", "sent")]
)
def test_a_right_value_is_read(list_filter: Filter, text: str, value: object) -> None:
    assert list_filter.read(text) == value
