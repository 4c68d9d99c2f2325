"""The API's description: OpenAPI 3.1.1 (spec.openapis.org), written from the models that the answers are made of."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from ops.http.core.problems import Problem, problem_details
from ops.http.openapi.endpoint import JSON, Endpoint
from ops.http.openapi.endpoints import ENDPOINTS, HTML
from ops.http.openapi.examples import recorded_response
from ops.http.openapi.parameters import IF_NONE_MATCH, IN_PATH, Parameter
from ops.http.openapi.schemas import ProblemDetails, Ready

_REF = "#/components/schemas/{model}"
_INFO = {
    "title": "like-ledger",
    "version": "1",
    "summary": "Likes on public-interest content become money for charities, and anyone can check that they did.",
    "description": "Figures need no credentials, and any web page may read them. Each carries its `as_of`. `ETag` is"
    " weak: it names the figures, not the moment of the look. A query parameter that means nothing is refused, never"
    " ignored, but by pages for people; so is one that is given twice. A method that an address does not take is a"
    " 405 with `Allow`. Figures come from one snapshot of all campaigns, half a second old as a rule; while the"
    " database is away the last one stands for half a minute, then the answer is 503.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}

_TOKENS = {"token": {"type": "http", "scheme": "bearer", "description": "`llt_…`, as `token create` shows it once."}}

Schemas = dict[tuple[str, JsonSchemaMode], Any]


@cache
def document() -> dict[str, Any]:
    """Return the description; the same object each time."""
    schemas, definitions = _schemas()
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method] = _operation(endpoint, schemas)
    tags = [{"name": name} for name in dict.fromkeys(endpoint.tag for endpoint in ENDPOINTS)]
    return {
        "openapi": "3.1.1",
        "info": _INFO,
        "servers": [{"url": "/"}],
        "tags": tags,
        "security": [],
        "paths": paths,
        "components": {"schemas": definitions, "securitySchemes": _TOKENS},
    }


def _schemas() -> tuple[Schemas, dict[str, Any]]:
    """Return each endpoint's schemas, and the definitions that they share."""
    inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        ("problem", "serialization", TypeAdapter(ProblemDetails)),
        ("not ready", "serialization", TypeAdapter(Ready)),
    ]
    for endpoint in ENDPOINTS:
        inputs.append((_operation_id(endpoint), "serialization", TypeAdapter(endpoint.response)))
        if endpoint.body is not None and endpoint.body_type == JSON:
            inputs.append((_operation_id(endpoint), "validation", TypeAdapter(endpoint.body)))
    schemas, shared = TypeAdapter.json_schemas(inputs, ref_template=_REF)
    return schemas, shared["$defs"]


def _operation(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [endpoint.tag],
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint, schemas),
    }
    if endpoint.description:
        operation["description"] = endpoint.description
    if endpoint.body is not None:
        operation["requestBody"] = _body(endpoint, schemas)
    if endpoint.is_secured:
        operation["security"] = [{"token": []}]
    return operation


def _body(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    is_json = endpoint.body_type == JSON
    content: dict[str, Any] = {
        "schema": schemas[_operation_id(endpoint), "validation"] if is_json else {"type": "string"}
    }
    if endpoint.body_example is not None:
        content["example"] = endpoint.body_example()
    return {"required": endpoint.needs_body, "content": {endpoint.body_type: content}}


def _operation_id(endpoint: Endpoint) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", endpoint.path.lower()).strip("_")
    return f"{endpoint.method}_{words or 'home'}"


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    in_path = {name: IN_PATH[name] for name in re.findall(r"{(\w+)}", endpoint.path)}
    known = IF_NONE_MATCH if endpoint.is_conditional else {}
    return [
        *_parameters_in("path", in_path, required=True),
        *_parameters_in("query", endpoint.query),
        *_parameters_in("header", endpoint.headers, required=True),
        *_parameters_in("header", {**known, **endpoint.other_headers}),
    ]


def _parameters_in(
    location: str, parameters: Mapping[str, Parameter], *, required: bool = False
) -> list[dict[str, Any]]:
    must = {"required": True} if required else {}
    return [
        {"name": name, "in": location, **must, "schema": dict(own.schema), "description": own.description}
        for name, own in parameters.items()
    ]


def _responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    good: dict[str, Any] = {"description": endpoint.summary, "content": _content(endpoint, schemas, 200)}
    answers: dict[str, Any] = {"200": good}
    if endpoint.may_need_approval:
        content = _content(endpoint, schemas, 202)
        answers["202"] = {"description": "It waits for a second person.", "content": content}
    if endpoint.is_paged:
        behind = {"operationId": _operation_id(endpoint), "parameters": {"cursor": "$response.body#/next"}}
        good["links"] = {"next": {**behind, "description": "The page behind this one."}}
    if endpoint.is_conditional:
        good["headers"] = {name: _header("string") for name in ("ETag", "Cache-Control")}
        answers["304"] = {"description": "The reader has these figures already.", "headers": good["headers"]}
    if endpoint.path == "/ready":
        not_ready = {"schema": schemas["not ready", "serialization"], "example": {"ready": False, "reason": "…"}}
        answers["503"] = {"description": "It cannot.", "content": {JSON: not_ready}}
    return answers | _problem_responses(endpoint, schemas)


def _content(endpoint: Endpoint, schemas: Schemas, status: int) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schemas[_operation_id(endpoint), "serialization"]}
    example = endpoint.example() if endpoint.example else recorded_response(endpoint.method, endpoint.path, status)
    if example is not None:
        content["example"] = example
    return dict.fromkeys((endpoint.content_type, *endpoint.other_content_types), content)


def _header(kind: str) -> dict[str, Any]:
    return {"required": True, "schema": {"type": kind}}


def _problem_responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    """Return the refusals by status, each problem with the very body that is sent; a browser gets it as a page."""
    answers: dict[str, Any] = {}
    for kind in endpoint.problems:
        answer = answers.setdefault(str(kind.status.value), {"description": kind.status.phrase, "content": {}})
        if kind.is_retryable:
            answer["headers"] = {"Retry-After": _header("integer")}
        if kind is Problem.INVALID_TOKEN:
            answer["headers"] = {"WWW-Authenticate": _header("string")}
        schema = schemas["problem", "serialization"]
        content = answer["content"].setdefault("application/problem+json", {"schema": schema, "examples": {}})
        content["examples"][kind.slug] = {"value": problem_details(kind)}
        if endpoint.content_type == HTML:
            answer["content"][HTML] = {"schema": {"type": "string"}}
    return answers
