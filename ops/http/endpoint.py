"""One address of the service as its description tells of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ops.http.problems import Problem

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address."""

    path: str
    tag: str
    summary: str
    answer: Any = str  # the answer's type
    content_type: str = JSON
    example: Callable[[], Any] | None = None
    method: Literal["get", "post"] = "get"
    text: str = ""
    body: Any = None  # the body's type
    body_type: str = JSON  # the body's content type
    body_example: Callable[[], Any] | None = None
    query: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)  # what each does, its values
    headers: Mapping[str, str] = field(default_factory=dict)  # those that must be sent
    problems: tuple[Problem, ...] = ()
    is_secured: bool = False  # takes a token
    is_conditional: bool = False  # has an ETag and answers 304
