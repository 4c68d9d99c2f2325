"""The API reference, from the service's own OpenAPI document."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from docs.generators.markdown import code, code_block, fold_details, sentence, table
from ops.http.endpoints import document

PROBLEM = "application/problem+json"
_EXAMPLE_CHARS_MAX = 3_000
_REF = "#/components/schemas/"


def openapi_json() -> str:
    """Return the document as the service publishes it at `/openapi.json`."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


def reference() -> str:
    """Return a section for each tag with every operation in it."""
    openapi = document()
    sections = []
    for tag in (entry["name"] for entry in openapi["tags"]):
        operations = [
            _operation(method, path, operation)
            for path, methods in openapi["paths"].items()
            for method, operation in methods.items()
            if tag in operation["tags"]
        ]
        sections.append("\n\n".join([f"## {tag.capitalize()}", *operations]))
    return "\n\n".join(sections)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [f"### {method.upper()} {path} {{#{operation['operationId']}}}", sentence(operation["summary"])]
    parts += filter(None, [operation.get("description", "")])
    if operation.get("security"):
        parts.append("Needs `Authorization: Bearer <token>`.")
    parts += _parameters(operation["parameters"])
    parts += _body(operation.get("requestBody"))
    parts += _responses(operation["responses"])
    return "\n\n".join(parts)


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> list[str]:
    rows = [
        (code(p["name"]), p["in"] + (", required" if p.get("required") else ""), sentence(p.get("description", "")))
        for p in parameters
    ]
    return [table(("parameter", "in", "meaning"), rows)] if rows else []


def _body(body: Mapping[str, Any] | None) -> list[str]:
    if body is None:
        return []
    ((kind, content),) = body["content"].items()
    optional = "" if body.get("required") else ", optional"
    return [f"Request body: {code(kind)}, {_schema(content['schema'])}{optional}.", *_example("Request", content)]


def _responses(responses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = [(code(status), _response_text(response)) for status, response in sorted(responses.items())]
    success = responses.get("200", {}).get("content", {})
    examples = [part for content in list(success.values())[:1] for part in _example("Response", content)]
    return [table(("status", "response"), rows), *examples]


def _response_text(response: Mapping[str, Any]) -> str:
    content = response.get("content", {})
    codes = [f"[`{name}`](problems.md)" for name in content.get(PROBLEM, {}).get("examples", {})]
    schemas = [f"{code(kind)}, {_schema(part['schema'])}" for kind, part in content.items() if kind != PROBLEM]
    return "; ".join([*dict.fromkeys(schemas), *codes]) or sentence(response["description"])


def _schema(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return code(schema["$ref"].removeprefix(_REF))
    return str(schema.get("type", "any value"))


def _example(title: str, content: Mapping[str, Any]) -> list[str]:
    """Return an example that readers unfold; a long one is only in `openapi.json`."""
    example = content.get("example")
    if example is None:
        return []
    is_text = isinstance(example, str)
    text = example if is_text else json.dumps(example, ensure_ascii=False, indent=2)
    return (
        [fold_details(title, code_block(text, "" if is_text else "json"))] if len(text) <= _EXAMPLE_CHARS_MAX else []
    )
