"""The OpenAPI 3.1.1 document (spec.openapis.org), built from endpoints and their types. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from ops.http.core.problems import CONTENT_TYPE, Problem, problem_details
from ops.http.openapi.endpoint import HTML, JSON, Endpoint
from ops.http.openapi.examples import recorded_response
from ops.http.openapi.parameters import IF_NONE_MATCH, IN_PATH, Parameter
from ops.http.openapi.schemas import ProblemDetails, Ready

_REF = "#/components/schemas/{model}"
_INFO = {
    "title": "like-ledger",
    "version": "1",
    "summary": "Turns likes on public-interest content into money for charities, and proves it to anyone.",
    "description": "Figures need no credentials, and any web page may read them. Each figure carries its `as_of`."
    " All figures of a response come from one snapshot of all campaigns, usually at most half a second old. While the"
    " database is unavailable, the last snapshot stands in for half a minute; then the response is 503. `ETag` is"
    " weak: it changes with the figures, not with `as_of`. An unknown or repeated query parameter is refused, except"
    " on pages for people. A method that an address does not accept is a 405 with `Allow`. Every problem has a stable"
    " `code`; programs test for it, and the sentences may change. Any request may also be answered with"
    " `malformed_request` (400), `expectation_failed` (417), `too_many_connections_of_client` (429),"
    " `headers_too_large` (431) or `too_many_connections` (503).",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
_TOKENS = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token `llt_…`, shown once by `token create`."}
}
_BODY_PROBLEMS = (Problem.REQUEST_TIMED_OUT, Problem.UNSUPPORTED_CONTENT_ENCODING)

Schemas = dict[tuple[str, JsonSchemaMode], Any]


def build_document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the OpenAPI document of endpoints."""
    schemas, definitions = _schemas(endpoints)
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method] = _operation(endpoint, schemas)
    tags = [{"name": name} for name in dict.fromkeys(endpoint.tag for endpoint in endpoints)]
    return {
        "openapi": "3.1.1",
        "info": _INFO,
        "servers": [{"url": "/"}],
        "tags": tags,
        "security": [],
        "paths": paths,
        "components": {"schemas": definitions, "securitySchemes": _TOKENS},
    }


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[Schemas, dict[str, Any]]:
    """Return the schemas of each endpoint, and the definitions that they share."""
    inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        ("problem", "serialization", TypeAdapter(ProblemDetails)),
        ("not ready", "serialization", TypeAdapter(Ready)),
    ]
    for endpoint in endpoints:
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
    if endpoint.needs_token:
        operation["security"] = [{"token": []}]
    return operation


def _body(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    is_json = endpoint.body_type == JSON
    schema = schemas[_operation_id(endpoint), "validation"] if is_json else {"type": "string"}
    content: dict[str, Any] = {"schema": schema}
    if endpoint.body_example is not None:
        content["example"] = endpoint.body_example()
    return {"required": endpoint.needs_body, "content": {endpoint.body_type: content}}


def _operation_id(endpoint: Endpoint) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", endpoint.path.lower()).strip("_")
    return f"{endpoint.method}_{words or 'home'}"


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    in_path = {name: IN_PATH[name] for name in endpoint.path_parameters}
    conditional_headers = IF_NONE_MATCH if endpoint.is_conditional else {}
    return [
        *_parameters_in("path", in_path, required=True),
        *_parameters_in("query", endpoint.query),
        *_parameters_in("header", endpoint.headers, required=True),
        *_parameters_in("header", {**conditional_headers, **endpoint.other_headers}),
    ]


def _parameters_in(
    location: str, parameters: Mapping[str, Parameter], *, required: bool = False
) -> list[dict[str, Any]]:
    options = {"required": True} if required else {}
    return [
        {
            "name": name,
            "in": location,
            **options,
            "schema": dict(parameter.schema),
            "description": parameter.description,
        }
        for name, parameter in parameters.items()
    ]


def _responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    success: dict[str, Any] = {"description": endpoint.summary, "content": _content(endpoint, schemas, 200)}
    responses: dict[str, Any] = {"200": success}
    if endpoint.may_need_approval:
        content = _content(endpoint, schemas, 202)
        responses["202"] = {"description": "A second person has to approve.", "content": content}
    if endpoint.is_paged:
        success["links"] = {"next": _next_page_link(endpoint)}
    if endpoint.is_conditional:
        success["headers"] = {name: _header("string") for name in ("ETag", "Cache-Control")}
        responses["304"] = {"description": "Nothing has changed.", "headers": success["headers"]}
    if endpoint.path == "/ready":
        not_ready = {"schema": schemas["not ready", "serialization"], "example": {"ready": False, "reason": "…"}}
        responses["503"] = {"description": "The service cannot work.", "content": {JSON: not_ready}}
    return responses | _problem_responses(endpoint, schemas)


def _next_page_link(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "operationId": _operation_id(endpoint),
        "parameters": {"cursor": "$response.body#/next"},
        "description": "The next page.",
    }


def _content(endpoint: Endpoint, schemas: Schemas, status: int) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schemas[_operation_id(endpoint), "serialization"]}
    example = endpoint.example() if endpoint.example else recorded_response(endpoint.method, endpoint.path, status)
    if example is not None:
        content["example"] = example
    return dict.fromkeys((endpoint.content_type, *endpoint.other_content_types), content)


def _header(schema_type: str) -> dict[str, Any]:
    return {"required": True, "schema": {"type": schema_type}}


def _problem_responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    """Return the problems by status, each with its body as an example; browsers get a page."""
    responses: dict[str, Any] = {}
    for problem in (*endpoint.problems, *(_BODY_PROBLEMS if endpoint.method == "post" else ())):
        status = str(problem.status.value)
        response = responses.setdefault(status, {"description": problem.status.phrase, "content": {}})
        if problem.is_retryable:
            response["headers"] = {"Retry-After": _header("integer")}
        if problem is Problem.INVALID_TOKEN:
            response["headers"] = {"WWW-Authenticate": _header("string")}
        schema = schemas["problem", "serialization"]
        content = response["content"].setdefault(CONTENT_TYPE, {"schema": schema, "examples": {}})
        content["examples"][problem.code] = {"value": problem_details(problem)}
        if endpoint.content_type == HTML:
            response["content"][HTML] = {"schema": {"type": "string"}}
    return responses
