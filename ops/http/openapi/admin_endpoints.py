"""The administration's addresses as the service's description tells of them: written from its registry."""

from typing import Any

import orjson

from campaigns.preview.request import PreviewRequest
from campaigns.preview.response import PreviewResponse
from ops.admin import registry
from ops.admin.core.command import JSON_TYPE, Command
from ops.admin.core.csv_export import CsvExport
from ops.admin.core.execute import CommandResponse
from ops.admin.core.pagination import LIMIT_DEFAULT, LIMIT_MAX, DetailEndpoint, ListEndpoint
from ops.http.core.app_keys import ADMIN_API_PREFIX
from ops.http.core.problems import Problem
from ops.http.openapi import examples, schemas
from ops.http.openapi.endpoint import Endpoint
from ops.http.openapi.parameters import DRY_RUN_QUERY, IDEMPOTENCY_HEADER, Parameter, text_parameter

_TAG = "administration"
_COMMON_PROBLEMS = (
    Problem.UNKNOWN_PARAMETER,
    Problem.INVALID_TOKEN,
    Problem.FORBIDDEN,
    Problem.RATE_LIMITED,
    Problem.DATABASE_UNAVAILABLE,
)
_WRITE_PROBLEMS = (
    *_COMMON_PROBLEMS,
    Problem.IDEMPOTENCY_KEY_REQUIRED,
    Problem.INVALID_JSON,
    Problem.IDEMPOTENCY_KEY_CONFLICT,
    Problem.CONFLICT,
    Problem.TOO_LARGE,
    Problem.UNSUPPORTED_MEDIA_TYPE,
    Problem.VALIDATION_FAILED,
)
_LIMIT = Parameter(
    f"rows a page, 1 to {LIMIT_MAX}; {LIMIT_DEFAULT} if left out",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
)
_PAGING = {
    "cursor": text_parameter("what `next` of the page before said; it keeps its filters", r"^[\w-]+$"),
    "limit": _LIMIT,
}


def _roles(roles: frozenset[Any]) -> str:
    return f"For {', '.join(sorted({*roles, 'owner'}))}."


def _command_endpoint(command: Command[Any]) -> Endpoint:
    second = f" Where it waits (202), {_roles(command.approvers)[4:-1]} may agree." if command.approvers else ""
    return Endpoint(
        ADMIN_API_PREFIX + command.path,
        _TAG,
        command.summary,
        CommandResponse,
        method="post",
        description=_roles(command.roles) + second,
        body=command.body_type,
        body_type=command.content_type,
        body_example=lambda: _example(command),
        needs_body=not _accepts_empty_body(command),
        query=DRY_RUN_QUERY,
        headers=IDEMPOTENCY_HEADER,
        problems=(*_WRITE_PROBLEMS, Problem.NOT_FOUND) if "{" in command.path else _WRITE_PROBLEMS,
        is_secured=True,
        may_need_approval=bool(command.approvers),
    )


def _accepts_empty_body(command: Command[Any]) -> bool:
    """Tell whether a command can be given without a body."""
    return command.content_type == JSON_TYPE and not any(
        each.is_required() for each in command.body_type.model_fields.values()
    )


def _example(command: Command[Any]) -> Any:
    if command.content_type != JSON_TYPE:
        return command.example["content"].decode()
    promise = orjson.loads(examples.PROMISE_JSON)
    return {"campaign.create": promise, "campaign.terms": {"terms": promise["terms"], "based_on": 1}}.get(
        command.name, command.example
    )


def _list_endpoint(list_endpoint: ListEndpoint) -> Endpoint:
    return Endpoint(
        ADMIN_API_PREFIX + list_endpoint.path,
        _TAG,
        list_endpoint.summary,
        schemas.page_schema(list_endpoint.name, list_endpoint.view_type),
        description=_roles(list_endpoint.roles),
        query=_filters(list_endpoint) | _PAGING,
        problems=(*_COMMON_PROBLEMS, Problem.VALIDATION_FAILED),
        is_secured=True,
        is_paged=True,
    )


def _filters(list_endpoint: ListEndpoint) -> dict[str, Parameter]:
    return {name: Parameter("only these", own.schema) for name, own in list_endpoint.filters.items()}


def _csv_endpoint(csv_export: CsvExport) -> Endpoint:
    return Endpoint(
        ADMIN_API_PREFIX + csv_export.path,
        _TAG,
        f"{csv_export.endpoint.summary}: all of it as CSV",
        content_type="text/csv",
        description=f"{_roles(csv_export.endpoint.roles)} Columns are only ever added at the end; a cell that a spreadsheet would"
        " compute begins with an apostrophe.",
        query=_filters(csv_export.endpoint),
        problems=(*_COMMON_PROBLEMS, Problem.VALIDATION_FAILED),
        is_secured=True,
    )


def _detail_endpoint(detail_endpoint: DetailEndpoint) -> Endpoint:
    return Endpoint(
        ADMIN_API_PREFIX + detail_endpoint.path,
        _TAG,
        detail_endpoint.summary,
        detail_endpoint.view_type,
        description=_roles(detail_endpoint.roles),
        problems=(*_COMMON_PROBLEMS, Problem.NOT_FOUND),
        is_secured=True,
    )


def _preview_endpoint() -> Endpoint:
    return Endpoint(
        f"{ADMIN_API_PREFIX}/preview",
        _TAG,
        "Preview a promise, or new terms, over a forecast or a past campaign's counts",
        PreviewResponse,
        method="post",
        description="For every role. It is the engine's own arithmetic, and changes nothing. `forecast` has one of"
        " `likes_per_day`, `curve` and `like_campaign`.",
        body=PreviewRequest,
        body_example=lambda: {
            "promise": orjson.loads(examples.PROMISE_JSON),
            "funded_minor": 700_000,
            "forecast": {"likes_per_day": 1_000, "fakes_bp": 300},
        },
        problems=(
            *_COMMON_PROBLEMS,
            Problem.CONFLICT,
            Problem.TOO_LARGE,
            Problem.UNSUPPORTED_MEDIA_TYPE,
            Problem.VALIDATION_FAILED,
        ),
        is_secured=True,
    )


def admin_endpoints() -> tuple[Endpoint, ...]:
    """Return every address of the administration."""
    return (
        *map(_command_endpoint, registry.COMMANDS),
        _preview_endpoint(),
        *map(_list_endpoint, registry.LIST_ENDPOINTS),
        *map(_csv_endpoint, registry.CSV_EXPORTS),
        *map(_detail_endpoint, registry.DETAIL_ENDPOINTS),
    )
