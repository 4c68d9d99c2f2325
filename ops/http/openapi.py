"""The API's description: OpenAPI 3.1.1 (spec.openapis.org), written from the models that the answers are made of."""

import re
from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from ops.http.endpoint import JSON, Endpoint
from ops.http.endpoints import ENDPOINTS
from ops.http.problems import Problem, details
from ops.http.shapes import ProblemDetails, Ready

_REF = "#/components/schemas/{model}"
_PATH_PARAMETERS = {
    "slug": "The campaign's name.",
    "platform": "The sender's name.",
    "file": "A file's name.",
    "receipt": "A like's receipt, `rcp_…`, as the answer to its delivery gave it.",
    "payout": "A payout's id, `pay_…`, as `settlements` shows it.",
    "name": "Kind and version: `count-1.json`.",
    "level": "A tile's level, 0 for the leaves' hashes; `entries` for the leaves themselves.",
    "line": "A statement line's id, as `statement-lines` shows it.",
    "charity": "The charity's name, as promises name it.",
    "sponsor": "The sponsor, `spo_…`.",
    "settlement": "A settlement's id, `stl_…`.",
    "proposal": "What waits for a second person, `prp_…`.",
    "upload": "A file of content that was sent, `upl_…`.",
    "index": "The tile's index, `.p/<width>` after it where it is not full yet.",
}
_ABOUT = {
    "title": "like-ledger",
    "version": "1",
    "summary": "Likes on public-interest content become money for charities, and anyone can check that they did.",
    "description": "Figures need no credentials, and any web page may read them. Each carries its `as_of`. `ETag` is"
    " weak: it names the figures, not the moment of the look. A query parameter that means nothing is refused, never"
    " ignored. Figures come from one snapshot of all campaigns, half a second old as a rule; while the database is"
    " away the last one stands for half a minute, then the answer is 503.",
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
        "info": _ABOUT,
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
        inputs.append((_operation_id(endpoint), "serialization", TypeAdapter(endpoint.answer)))
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
    if endpoint.text:
        operation["description"] = endpoint.text
    if endpoint.body is not None:
        is_json = endpoint.body_type == JSON
        schema = schemas[_operation_id(endpoint), "validation"] if is_json else {"type": "string"}
        content: dict[str, Any] = {"schema": schema}
        if endpoint.body_example is not None:
            content["example"] = endpoint.body_example()
        operation["requestBody"] = {"required": True, "content": {endpoint.body_type: content}}
    if endpoint.is_secured:
        operation["security"] = [{"token": []}]
    return operation


def _operation_id(endpoint: Endpoint) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", endpoint.path.lower()).strip("_")
    return f"{endpoint.method}_{words or 'home'}"


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    text = {"type": "string"}
    in_path = re.findall(r"{(\w+)}", endpoint.path)
    return [
        *(
            {"name": n, "in": "path", "required": True, "schema": text, "description": _PATH_PARAMETERS[n]}
            for n in in_path
        ),
        *(
            {
                "name": n,
                "in": "query",
                "schema": text | ({"enum": list(values)} if values else {}),
                "description": says,
            }
            for n, (says, values) in endpoint.query.items()
        ),
        *(
            {"name": n, "in": "header", "required": True, "schema": text, "description": says}
            for n, says in endpoint.headers.items()
        ),
    ]


def _responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schemas[_operation_id(endpoint), "serialization"]}
    if endpoint.example is not None:
        content["example"] = endpoint.example()
    good: dict[str, Any] = {"description": endpoint.summary, "content": {endpoint.content_type: content}}
    answers: dict[str, Any] = {"200": good}
    if "Idempotency-Key" in endpoint.headers:
        answers["202"] = {**good, "description": "It waits for a second person."}
    if endpoint.is_conditional:
        good["headers"] = {"ETag": {"schema": {"type": "string"}}, "Cache-Control": {"schema": {"type": "string"}}}
        answers["304"] = {"description": "The reader has these figures already."}
    if endpoint.path == "/ready":
        not_ready = {"schema": schemas["not ready", "serialization"], "example": {"ready": False, "reason": "…"}}
        answers["503"] = {"description": "It cannot.", "content": {JSON: not_ready}}
    return answers | _refusals(endpoint.problems, schemas)


def _refusals(problems: Sequence[Problem], schemas: Schemas) -> dict[str, Any]:
    """Return the refusals by status, each problem with the very body that is sent."""
    answers: dict[str, Any] = {}
    for kind in problems:
        status = kind.status
        answer = answers.setdefault(str(status.value), {"description": status.phrase, "content": {}})
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        schema = schemas["problem", "serialization"]
        content = answer["content"].setdefault("application/problem+json", {"schema": schema, "examples": {}})
        content["examples"][kind.slug] = {"value": details(kind)}
    return answers
