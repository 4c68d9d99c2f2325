"""Query parameters: unknown, repeated and invalid ones are refused by name."""

import pytest
from aiohttp.test_utils import make_mocked_request

from ops.http.core.problems import Problem, RequestProblem
from ops.http.core.responses import check_choice, check_parameters


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("colour=red", [("colour", "unknown_parameter")]),
        ("results=all&results=none", [("results", "repeated_parameter")]),
        ("b=1&a=2&results=all", [("a", "unknown_parameter"), ("b", "unknown_parameter")]),
        ("b=1&b=2", [("b", "unknown_parameter")]),
    ],
)
def test_an_unknown_or_repeated_parameter_is_refused(query: str, faults: list[tuple[str, str]]) -> None:
    with pytest.raises(RequestProblem) as refusal:
        check_parameters(make_mocked_request("GET", f"/?{query}"), ("results",))
    assert refusal.value.problem is Problem.UNKNOWN_PARAMETER
    assert [(error.path, error.code) for error in refusal.value.field_errors] == faults


@pytest.mark.parametrize("query", ["", "results=all", "results="])
def test_an_allowed_parameter_passes(query: str) -> None:
    check_parameters(make_mocked_request("GET", f"/?{query}"), ("results",))


@pytest.mark.parametrize("query", ["results=most", "results=", "results=ALL"])
def test_a_parameter_takes_only_its_choices(query: str) -> None:
    with pytest.raises(RequestProblem) as refusal:
        check_choice(make_mocked_request("GET", f"/?{query}"), "results", ("all", "none"))
    [error] = refusal.value.field_errors
    assert (error.path, error.code, error.params) == ("results", "literal_error", {"expected": ["all", "none"]})


@pytest.mark.parametrize("query", ["", "results=none", "other=x"])
def test_a_missing_parameter_is_no_wrong_choice(query: str) -> None:
    check_choice(make_mocked_request("GET", f"/?{query}"), "results", ("all", "none"))
