"""One address of the service as its description tells of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ops.http.core.problems import Problem
from ops.http.openapi.parameters import Parameter

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address."""

    path: str
    tag: str
    summary: str
    response: Any = str  # the answer's type
    content_type: str = JSON
    other_content_types: tuple[str, ...] = ()  # of the answer, as the address may be of a file of another kind
    example: Callable[[], Any] | None = None
    method: Literal["get", "post"] = "get"
    description: str = ""
    body: Any = None  # the body's type
    body_type: str = JSON  # the body's content type
    body_example: Callable[[], Any] | None = None
    needs_body: bool = True
    query: Mapping[str, Parameter] = field(default_factory=dict)
    headers: Mapping[str, Parameter] = field(default_factory=dict)  # those that must be sent
    other_headers: Mapping[str, Parameter] = field(default_factory=dict)  # those that may be sent
    problems: tuple[Problem, ...] = ()
    is_secured: bool = False  # takes a token
    is_conditional: bool = False  # has an ETag and answers 304
    may_need_approval: bool = False  # for a second person: answers 202
    is_paged: bool = False  # its answer's `next` is the cursor of the page behind it
