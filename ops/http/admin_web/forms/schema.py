"""What a command's body is made of, as a form: each model becomes inputs, groups and rows. Pure.

Part
├── Field    one input, named by the dotted path that a fault of it has
├── Group    a model within the model
└── Rows     a list of models: a group for each
"""

import types
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

INDEX = "*"  # stands for a row's number in the paths within Rows
HIDDEN = frozenset({"hash", "based_on"})  # what the page was drawn from, not for people to type


class Kind(StrEnum):
    """How a value is typed in and written."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"  # major units, of a currency that the form knows
    PERCENT = "percent"  # basis points
    MOMENT = "moment"  # local time, of a time zone that the form knows
    DAY = "day"
    CHOICE = "choice"
    FLAG = "flag"
    LINES = "lines"  # a list of texts, one a line
    FILE = "file"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Field:
    """One input."""

    path: str
    kind: Kind
    is_required: bool
    choices: tuple[str, ...] = ()
    default: Any = None


@dataclass(frozen=True, slots=True)
class Group:
    """A model within the model; one that may be left out is so where all of it is blank."""

    path: str
    parts: tuple["Part", ...]
    is_required: bool


@dataclass(frozen=True, slots=True)
class FieldList:
    """A list of models, at least one."""

    path: str
    row: Group


Part = Field | Group | FieldList
_KINDS: dict[Any, Kind] = {bool: Kind.FLAG, datetime: Kind.MOMENT, date: Kind.DAY, bytes: Kind.FILE}
_KINDS[AwareDatetime] = Kind.MOMENT


def form_schema(model: type[BaseModel], prefix: str = "", *, is_required: bool = True) -> tuple[Part, ...]:
    """Return a model's parts, in its order."""
    return _cached_form_schema(model, prefix, is_required)


@cache
def _cached_form_schema(model: Hashable, prefix: str, is_required: bool) -> tuple[Part, ...]:  # noqa: FBT001 - only here
    assert isinstance(model, type)  # noqa: S101 - the cache forgets what it is
    assert issubclass(model, BaseModel)  # noqa: S101
    return tuple(_part(prefix + name, field, is_required) for name, field in model.model_fields.items())


def _part(path: str, field: FieldInfo, is_parent_required: bool) -> Part:  # noqa: FBT001 - only here
    bare, is_optional = _strip_annotations(field.annotation)
    is_required = is_parent_required and field.is_required() and not is_optional
    models = [each for each in (_strip_annotations(one)[0] for one in _union_members(bare)) if _is_model(each)]
    if models:
        return Group(
            path, _union_parts(models, path, is_required=not is_optional and is_parent_required), is_required
        )
    if get_origin(bare) is list and _is_model(row := _strip_annotations(get_args(bare)[0])[0]):
        own = f"{path}.{INDEX}"
        return FieldList(path, Group(own, form_schema(row, f"{own}."), is_required=True))
    default = None if field.is_required() else field.default
    return Field(path, _kind(path, bare), is_required, _choices(bare), default)


def _union_parts(models: list[type[BaseModel]], path: str, *, is_required: bool) -> tuple[Part, ...]:
    """Return the parts of a model; of several, of which one is meant: the parts of all, each to be left blank."""
    is_one = len(models) == 1
    return tuple(
        part for model in models for part in form_schema(model, f"{path}.", is_required=is_required and is_one)
    )


def _union_members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _strip_annotations(annotation: Any) -> tuple[Any, bool]:
    """Return a type without its annotations, and whether None will do."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    kinds = _union_members(annotation)
    others = [kind for kind in kinds if kind is not types.NoneType]
    if len(others) == len(kinds):
        return annotation, False
    return (_strip_annotations(others[0])[0] if len(others) == 1 else Union[tuple(others)]), True  # noqa: UP007


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _kind(path: str, annotation: Any) -> Kind:
    name = path.rpartition(".")[2]
    if name in HIDDEN:
        return Kind.HIDDEN
    if get_origin(annotation) is Literal:
        return Kind.CHOICE
    if get_origin(annotation) in (list, tuple, set, frozenset):
        return Kind.LINES
    if annotation is int:
        return Kind.MONEY if name.endswith("_minor") else Kind.PERCENT if name.endswith("_bp") else Kind.NUMBER
    return _KINDS.get(annotation, Kind.TEXT)


def _choices(annotation: Any) -> tuple[str, ...]:
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def iterate_fields(parts: tuple[Part, ...]) -> Iterator[Field]:
    """Yield every input, those of a row once."""
    for part in parts:
        match part:
            case Field():
                yield part
            case Group():
                yield from iterate_fields(part.parts)
            case FieldList():
                yield from iterate_fields(part.row.parts)


def with_row_number(part: Part, number: int) -> Part:
    """Return a part of a row as that of a row's number. Pure."""
    path = part.path.replace(INDEX, str(number), 1)
    match part:
        case Field():
            return Field(path, part.kind, part.is_required, part.choices, part.default)
        case Group():
            return Group(path, tuple(with_row_number(each, number) for each in part.parts), part.is_required)
        case FieldList():
            return FieldList(
                path, Group(part.row.path.replace(INDEX, str(number), 1), part.row.parts, is_required=True)
            )
