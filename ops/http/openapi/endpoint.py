"""An endpoint: one method of one path, its handler and its description in the OpenAPI document."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from ops.http.core.problems import Problem
from ops.http.core.responses import Handler, answer_preflight
from ops.http.openapi.parameters import MULTI_SEGMENT_NAMES, Parameter

JSON, CSV, HTML, TEXT, BYTES = "application/json", "text/csv", "text/html", "text/plain", "application/octet-stream"

_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path: how it is served, and how it is described."""

    path: str
    handler: Handler
    tag: str
    summary: str
    response: Any = str  # the type of the response
    content_type: str = JSON
    other_content_types: tuple[str, ...] = ()  # of the response, if it depends on the path
    example: Callable[[], Any] | None = None
    method: Literal["get", "post"] = "get"
    description: str = ""
    body: Any = None  # the type of the body
    body_type: str = JSON  # the content type of the body
    body_example: Callable[[], Any] | None = None
    needs_body: bool = True
    query: Mapping[str, Parameter] = field(default_factory=dict)
    headers: Mapping[str, Parameter] = field(default_factory=dict)  # required
    other_headers: Mapping[str, Parameter] = field(default_factory=dict)  # optional
    problems: tuple[Problem, ...] = ()
    needs_token: bool = False
    is_conditional: bool = False  # has an ETag and returns 304
    may_need_approval: bool = False  # returns 202 while a second person has to approve
    is_paged: bool = False  # `next` of the response is the cursor of the next page
    allows_head: bool = True  # HEAD too, for GET
    allows_preflight: bool = False  # OPTIONS too, for pages of other origins

    @property
    def path_parameters(self) -> list[str]:
        """The names of the parameters in the path, in order."""
        return _PARAMETER.findall(self.path)


def build_routes(endpoints: Iterable[Endpoint]) -> list[web.RouteDef]:
    """Return the routes of endpoints, in order."""
    return [route for endpoint in endpoints for route in _endpoint_routes(endpoint)]


def _endpoint_routes(endpoint: Endpoint) -> Iterator[web.RouteDef]:
    path = _route_path(endpoint.path)
    if endpoint.method == "post":
        yield web.post(path, endpoint.handler)
    else:
        yield web.get(path, endpoint.handler, allow_head=endpoint.allows_head)
    if endpoint.allows_preflight:
        yield web.options(path, answer_preflight)


def _route_path(path: str) -> str:
    """Return a path as aiohttp reads it: some parameters may contain slashes."""
    return _PARAMETER.sub(lambda name: f"{{{name[1]}:.+}}" if name[1] in MULTI_SEGMENT_NAMES else name[0], path)
