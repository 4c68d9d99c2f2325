"""The OpenAPI document is valid, complete, and agrees with the routes that are served."""

import json
from functools import cache
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from ops import app
from ops.http.core.problems import Problem
from ops.http.endpoints import document
from ops.keys import Keys
from ops.metrics import Metrics
from ops.settings import Settings

NOT_DESCRIBED = {
    "malformed_request",
    "expectation_failed",
    "headers_too_large",
    "too_many_connections",
    "too_many_connections_of_client",
}


@cache
def published_document() -> dict[str, Any]:
    return json.loads(json.dumps(document()))


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = published_document()["paths"]
    return [(path, method, operation) for path, methods in paths.items() for method, operation in methods.items()]


def test_the_document_is_valid_openapi() -> None:
    validate(published_document())


def test_every_route_is_described_and_every_description_is_served() -> None:
    service = app.Service(Settings(), Keys(b"", b""), None, None, None, Metrics())  # type: ignore[arg-type]
    routes = app.build_application(service).router.routes()
    served = {(route.resource.canonical, route.method.lower()) for route in routes if route.resource}
    public = {(path, method) for path, method in served if not path.startswith("/admin")}  # those are pages
    described = {(path, method) for path, method, _ in operations()}
    assert {(path, method) for path, method in public if method not in ("head", "options")} == described


def test_operation_ids_are_unique() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)


def test_every_problem_is_described() -> None:
    described = {
        code
        for _, _, operation in operations()
        for response in operation["responses"].values()
        for code in response.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }
    assert {problem.code for problem in Problem} - described == NOT_DESCRIBED


def examples() -> list[Any]:
    """Return a case for each example: its schema and the example."""
    cases = []
    for path, _, operation in operations():
        for message in [operation.get("requestBody", {}), *operation["responses"].values()]:
            for content_type, content in message.get("content", {}).items():
                if content_type.endswith("json"):
                    cases += [
                        pytest.param(content["schema"], e, id=f"{path} {content_type}") for e in values(content)
                    ]
    return cases


def values(content: dict[str, Any]) -> list[Any]:
    several = [example["value"] for example in content.get("examples", {}).values()]
    return [example for example in several or [content.get("example")] if example]


@pytest.mark.parametrize(("schema", "example"), examples())
def test_each_example_fits_its_schema(schema: dict[str, Any], example: Any) -> None:
    components = published_document()["components"]
    jsonschema.Draft202012Validator({**schema, "components": components}).validate(example)
