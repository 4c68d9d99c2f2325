"""The endpoints of `/v1/admin`, made from the administration's registry."""

from typing import Any

import orjson

from campaigns.preview.request import PreviewRequest
from campaigns.preview.response import PreviewResponse
from ops.admin import registry
from ops.admin.core.command import JSON_TYPE, Command
from ops.admin.core.csv_export import CsvExport
from ops.admin.core.execute import CommandResponse
from ops.admin.core.pagination import LIMIT_DEFAULT, LIMIT_MAX, DetailEndpoint, ListEndpoint
from ops.http.api.admin import command_handler, csv_handler, detail_handler, list_handler, preview_promise
from ops.http.core.app_keys import ADMIN_API_PREFIX
from ops.http.core.problems import Problem
from ops.http.core.responses import Handler
from ops.http.openapi import examples, schemas
from ops.http.openapi.endpoint import CSV, Endpoint
from ops.http.openapi.parameters import DRY_RUN_QUERY, IDEMPOTENCY_HEADER, Parameter, text_parameter

_TAG = "administration"
_COMMON_PROBLEMS = (
    Problem.UNKNOWN_PARAMETER,
    Problem.INVALID_TOKEN,
    Problem.FORBIDDEN,
    Problem.RATE_LIMITED,
    Problem.DATABASE_UNAVAILABLE,
)
_BODY_PROBLEMS = (
    Problem.CONFLICT,
    Problem.TOO_LARGE,
    Problem.UNSUPPORTED_MEDIA_TYPE,
    Problem.VALIDATION_FAILED,
)
_COMMAND_PROBLEMS = (
    Problem.IDEMPOTENCY_KEY_REQUIRED,
    Problem.INVALID_JSON,
    Problem.IDEMPOTENCY_KEY_CONFLICT,
    *_BODY_PROBLEMS,
)
_LIMIT = Parameter(
    f"The rows of a page, 1 to {LIMIT_MAX}. Default: {LIMIT_DEFAULT}.",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
)
_PAGING_QUERY = {
    "cursor": text_parameter("`next` of the page before. It keeps that page's filters.", r"^[\w-]+$"),
    "limit": _LIMIT,
}


def _endpoint(path: str, handler: Handler, summary: str, *problems: Problem, **options: Any) -> Endpoint:
    return Endpoint(
        ADMIN_API_PREFIX + path,
        handler,
        _TAG,
        summary,
        problems=(*_COMMON_PROBLEMS, *problems),
        needs_token=True,
        **options,
    )


def _roles_sentence(roles: frozenset[Any]) -> str:
    return f"Roles: {_role_list(roles)}."


def _role_list(roles: frozenset[Any]) -> str:
    return ", ".join(sorted({*roles, "owner"}))


def _command_endpoint(command: Command[Any]) -> Endpoint:
    approval = f" A 202 needs the approval of another person: {_role_list(command.approvers)}."
    not_found = (Problem.NOT_FOUND,) if "{" in command.path else ()
    return _endpoint(
        command.path,
        command_handler(command),
        command.summary,
        *_COMMAND_PROBLEMS,
        *not_found,
        response=CommandResponse,
        method="post",
        description=_roles_sentence(command.roles) + (approval if command.approvers else ""),
        body=command.body_type,
        body_type=command.content_type,
        body_example=lambda: _body_example(command),
        needs_body=not _accepts_empty_body(command),
        query=DRY_RUN_QUERY,
        headers=IDEMPOTENCY_HEADER,
        may_need_approval=bool(command.approvers),
    )


def _accepts_empty_body(command: Command[Any]) -> bool:
    """Return whether a command runs without a body."""
    return command.content_type == JSON_TYPE and not any(
        field.is_required() for field in command.body_type.model_fields.values()
    )


def _body_example(command: Command[Any]) -> Any:
    if command.content_type != JSON_TYPE:
        return command.example["content"].decode()
    promise = orjson.loads(examples.PROMISE_JSON)
    return {"campaign.create": promise, "campaign.terms": {"terms": promise["terms"], "based_on": 1}}.get(
        command.name, command.example
    )


def _list_endpoint(list_endpoint: ListEndpoint) -> Endpoint:
    return _endpoint(
        list_endpoint.path,
        list_handler(list_endpoint),
        list_endpoint.summary,
        Problem.VALIDATION_FAILED,
        response=schemas.page_schema(list_endpoint.name, list_endpoint.view_type),
        description=_roles_sentence(list_endpoint.roles),
        query=_filters(list_endpoint) | _PAGING_QUERY,
        is_paged=True,
    )


def _filters(list_endpoint: ListEndpoint) -> dict[str, Parameter]:
    return {
        name: Parameter(f"Only rows with this `{name}`.", list_filter.schema)
        for name, list_filter in list_endpoint.filters.items()
    }


def _csv_endpoint(csv_export: CsvExport) -> Endpoint:
    roles = _roles_sentence(csv_export.endpoint.roles)
    return _endpoint(
        csv_export.path,
        csv_handler(csv_export),
        f"{csv_export.endpoint.summary}: every row, as CSV",
        Problem.VALIDATION_FAILED,
        content_type=CSV,
        description=f"{roles} New columns are only added at the end. An apostrophe precedes a cell that a spreadsheet"
        " would take for a formula.",
        query=_filters(csv_export.endpoint),
        allows_head=False,
    )


def _detail_endpoint(detail_endpoint: DetailEndpoint) -> Endpoint:
    return _endpoint(
        detail_endpoint.path,
        detail_handler(detail_endpoint),
        detail_endpoint.summary,
        Problem.NOT_FOUND,
        response=detail_endpoint.view_type,
        description=_roles_sentence(detail_endpoint.roles),
    )


def _preview_example() -> dict[str, Any]:
    return {
        "promise": orjson.loads(examples.PROMISE_JSON),
        "funded_minor": 700_000,
        "forecast": {"likes_per_day": 1_000, "fakes_bp": 300},
    }


_PREVIEW = _endpoint(
    "/preview",
    preview_promise,
    "Preview a promise, or new terms, with a forecast or with the counts of a past campaign",
    *_BODY_PROBLEMS,
    response=PreviewResponse,
    method="post",
    description="For every role. The preview uses the arithmetic of the ledger, and changes nothing. `forecast` has"
    " exactly one of `likes_per_day`, `curve` and `like_campaign`.",
    body=PreviewRequest,
    body_example=_preview_example,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *map(_command_endpoint, registry.COMMANDS),
    _PREVIEW,
    *map(_list_endpoint, registry.LIST_ENDPOINTS),
    *map(_csv_endpoint, registry.CSV_EXPORTS),
    *map(_detail_endpoint, registry.DETAIL_ENDPOINTS),
)
