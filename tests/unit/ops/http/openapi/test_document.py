"""The API's description: valid, whole, and true to the routes that there are."""

import json
from functools import cache
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from ops import app
from ops.http.core.problems import Problem
from ops.http.openapi.document import document
from ops.keys import Keys
from ops.settings import Settings


@cache
def as_sent() -> dict[str, Any]:
    return json.loads(json.dumps(document()))


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, each) for path, own in as_sent()["paths"].items() for method, each in own.items()]


def test_it_is_openapi() -> None:
    validate(as_sent())


def test_it_tells_of_every_route_and_of_nothing_else() -> None:
    service = app.Service(Settings(), Keys(b"", b""), None, None, None, None)  # type: ignore[arg-type]
    routes = app.build_application(service).router.routes()
    served = {(r.resource.canonical, r.method.lower()) for r in routes if r.resource}
    described = {(path, method) for path, method, _ in operations()}
    programs = {route for route in served if not route[0].startswith("/admin")}  # those are pages behind a session
    assert {route for route in programs if route[1] not in ("head", "options")} == described


def test_operations_have_names_of_their_own() -> None:
    names = [each["operationId"] for _, _, each in operations()]
    assert len(set(names)) == len(names)


def test_every_problem_is_told_of() -> None:
    shown = {
        name
        for _, _, each in operations()
        for answer in each["responses"].values()
        for name in answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }
    assert {problem.slug for problem in Problem} - shown == {"method-not-allowed"}  # of every address alike


def examples() -> list[Any]:
    found = []
    for path, _, each in operations():
        bodies = [each.get("requestBody", {}), *each["responses"].values()]
        for content in [c for body in bodies for c in body.get("content", {}).items()]:
            kind, shown = content
            if kind.endswith("json"):
                given = [e["value"] for e in shown.get("examples", {}).values()] or [shown.get("example")]
                found += [pytest.param(shown["schema"], one, id=f"{path} {kind}") for one in given if one]
    return found


@pytest.mark.parametrize(("schema", "example"), examples())
def test_each_example_is_what_the_schema_says(schema: dict[str, Any], example: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "components": as_sent()["components"]}).validate(example)
