"""The administration's addresses as the service's description tells of them: written from its registry."""

from typing import Any

import orjson

from campaigns.preview.request import PreviewRequest
from campaigns.preview.response import PreviewAnswer
from ops.admin import registry
from ops.admin.core.command import JSON, Command
from ops.admin.core.csv_export import Table
from ops.admin.core.execute import Answer
from ops.admin.core.pagination import LIMIT, LIMIT_MAX, Listing, Reading
from ops.http.core.app_keys import PREFIX
from ops.http.core.problems import Problem
from ops.http.openapi import examples, schemas
from ops.http.openapi.endpoint import Endpoint
from ops.http.openapi.parameters import DRY_RUN, KEY, Parameter, text

_TAG = "administration"
_ALL = (Problem.UNKNOWN_PARAMETER, Problem.NO_TOKEN, Problem.FORBIDDEN, Problem.TOO_MANY, Problem.UNAVAILABLE)
_WRITES = (
    *_ALL,
    Problem.NO_KEY,
    Problem.UNREADABLE,
    Problem.KEY_TAKEN,
    Problem.REFUSED,
    Problem.TOO_LARGE,
    Problem.WRONG_TYPE,
    Problem.FAULTY,
)
_LIMIT = Parameter(
    f"rows a page, 1 to {LIMIT_MAX}; {LIMIT} if left out",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT},
)
_PAGING = {"cursor": text("what `next` of the page before said; it keeps its filters", r"^[\w-]+$"), "limit": _LIMIT}


def _roles(roles: frozenset[Any]) -> str:
    return f"For {', '.join(sorted({*roles, 'owner'}))}."


def _given(command: Command[Any]) -> Endpoint:
    second = f" Where it waits (202), {_roles(command.approvers)[4:-1]} may agree." if command.approvers else ""
    return Endpoint(
        PREFIX + command.path,
        _TAG,
        command.summary,
        Answer,
        method="post",
        text=_roles(command.roles) + second,
        body=command.asked,
        body_type=command.content_type,
        body_example=lambda: _example(command),
        needs_body=not _is_whole_without(command),
        query=DRY_RUN,
        headers=KEY,
        problems=(*_WRITES, Problem.NOT_FOUND) if "{" in command.path else _WRITES,
        is_secured=True,
        may_wait=bool(command.approvers),
    )


def _is_whole_without(command: Command[Any]) -> bool:
    """Tell whether a command can be given without a body."""
    return command.content_type == JSON and not any(
        each.is_required() for each in command.asked.model_fields.values()
    )


def _example(command: Command[Any]) -> Any:
    if command.content_type != JSON:
        return command.example["content"].decode()
    promise = orjson.loads(examples.PROMISE_JSON)
    return {"campaign.create": promise, "campaign.terms": {"terms": promise["terms"], "based_on": 1}}.get(
        command.name, command.example
    )


def _listed(listing: Listing) -> Endpoint:
    return Endpoint(
        PREFIX + listing.path,
        _TAG,
        listing.summary,
        schemas.page_of(listing.name, listing.shape),
        text=_roles(listing.roles),
        query=_filters(listing) | _PAGING,
        problems=(*_ALL, Problem.FAULTY),
        is_secured=True,
        is_paged=True,
    )


def _filters(listing: Listing) -> dict[str, Parameter]:
    return {name: Parameter("only these", own.schema) for name, own in listing.filters.items()}


def _tabled(table: Table) -> Endpoint:
    return Endpoint(
        PREFIX + table.path,
        _TAG,
        f"{table.listing.summary}: all of it as CSV",
        content_type="text/csv",
        text=f"{_roles(table.listing.roles)} Columns are only ever added at the end; a cell that a spreadsheet would"
        " compute begins with an apostrophe.",
        query=_filters(table.listing),
        problems=(*_ALL, Problem.FAULTY),
        is_secured=True,
    )


def _looked_at(reading: Reading) -> Endpoint:
    return Endpoint(
        PREFIX + reading.path,
        _TAG,
        reading.summary,
        reading.shape,
        text=_roles(reading.roles),
        problems=(*_ALL, Problem.NOT_FOUND),
        is_secured=True,
    )


def _previewed() -> Endpoint:
    return Endpoint(
        f"{PREFIX}/preview",
        _TAG,
        "Preview a promise, or new terms, over a forecast or a past campaign's counts",
        PreviewAnswer,
        method="post",
        text="For every role. It is the engine's own arithmetic, and changes nothing. `forecast` has one of"
        " `likes_per_day`, `curve` and `like_campaign`.",
        body=PreviewRequest,
        body_example=lambda: {
            "promise": orjson.loads(examples.PROMISE_JSON),
            "funded_minor": 700_000,
            "forecast": {"likes_per_day": 1_000, "fakes_bp": 300},
        },
        problems=(*_ALL, Problem.REFUSED, Problem.TOO_LARGE, Problem.WRONG_TYPE, Problem.FAULTY),
        is_secured=True,
    )


def administration() -> tuple[Endpoint, ...]:
    """Return every address of the administration."""
    return (
        *map(_given, registry.COMMANDS),
        _previewed(),
        *map(_listed, registry.LISTINGS),
        *map(_tabled, registry.TABLES),
        *map(_looked_at, registry.READINGS),
    )
