"""A command's body model as a form schema: inputs, groups and lists. Pure.

Part
├── Field       one input, named by the dotted path that its errors carry
├── Group       a nested model
└── FieldList   a list of models: one group for each
"""

import types
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from ops.i18n.field_kinds import FieldKind

INDEX = "*"  # replaces a row's number in the paths of a FieldList
HIDDEN = frozenset({"hash", "based_on"})  # the state that the page was made from; people do not type it


@dataclass(frozen=True, slots=True)
class Field:
    """One input."""

    path: str
    kind: FieldKind
    is_required: bool
    choices: tuple[str, ...] = ()
    default: Any = None


@dataclass(frozen=True, slots=True)
class Group:
    """A nested model; an optional one is left out if all its inputs are blank."""

    path: str
    parts: tuple["Part", ...]
    is_required: bool


@dataclass(frozen=True, slots=True)
class FieldList:
    """A list of models with at least one row."""

    path: str
    row: Group


Part = Field | Group | FieldList
_KINDS: dict[Any, FieldKind] = {
    bool: FieldKind.FLAG,
    datetime: FieldKind.MOMENT,
    AwareDatetime: FieldKind.MOMENT,
    date: FieldKind.DAY,
    bytes: FieldKind.FILE,
}


def form_schema(model: type[BaseModel], prefix: str = "", *, is_required: bool = True) -> tuple[Part, ...]:
    """Return a model's parts in the order of its fields."""
    return _cached_form_schema(model, prefix, is_required)


@cache
def _cached_form_schema(model: Hashable, prefix: str, is_required: bool) -> tuple[Part, ...]:  # noqa: FBT001 - private
    assert isinstance(model, type)  # noqa: S101 - `cache` loses the parameter's type
    assert issubclass(model, BaseModel)  # noqa: S101
    return tuple(_part(prefix + name, field, is_required) for name, field in model.model_fields.items())


def _part(path: str, field: FieldInfo, is_parent_required: bool) -> Part:  # noqa: FBT001 - private
    bare, is_optional = _strip_annotations(field.annotation)
    is_required = is_parent_required and field.is_required() and not is_optional
    if models := _union_models(bare):
        are_parts_required = is_parent_required and not is_optional
        return Group(path, _union_parts(models, path, is_required=are_parts_required), is_required)
    if row_model := _list_row_model(bare):
        row_path = f"{path}.{INDEX}"
        return FieldList(path, Group(row_path, form_schema(row_model, f"{row_path}."), is_required=True))
    default = None if field.is_required() else field.default
    return Field(path, _kind(path, bare), is_required, _choices(bare), default)


def _union_parts(models: list[type[BaseModel]], path: str, *, is_required: bool) -> tuple[Part, ...]:
    """Return a model's parts; for a union, the optional parts of every member."""
    is_single = len(models) == 1
    return tuple(
        part for model in models for part in form_schema(model, f"{path}.", is_required=is_required and is_single)
    )


def _union_models(annotation: Any) -> list[type[BaseModel]]:
    members = (_strip_annotations(member)[0] for member in _union_members(annotation))
    return [member for member in members if _is_model(member)]


def _list_row_model(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) is not list:
        return None
    item: type[BaseModel] = _strip_annotations(get_args(annotation)[0])[0]
    return item if _is_model(item) else None


def _union_members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _strip_annotations(annotation: Any) -> tuple[Any, bool]:
    """Return a type without `Annotated` and `None`, and whether it accepts None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    members = _union_members(annotation)
    others = [member for member in members if member is not types.NoneType]
    if len(others) == len(members):
        return annotation, False
    return (_strip_annotations(others[0])[0] if len(others) == 1 else Union[tuple(others)]), True  # noqa: UP007


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _kind(path: str, annotation: Any) -> FieldKind:
    name = path.rpartition(".")[2]
    if name in HIDDEN:
        return FieldKind.HIDDEN
    if get_origin(annotation) is Literal:
        return FieldKind.CHOICE
    if get_origin(annotation) in (list, tuple, set, frozenset):
        return FieldKind.LINES
    return _integer_kind(name) if annotation is int else _KINDS.get(annotation, FieldKind.TEXT)


def _integer_kind(name: str) -> FieldKind:
    if name.endswith("_minor"):
        return FieldKind.MONEY
    return FieldKind.PERCENT if name.endswith("_bp") else FieldKind.NUMBER


def _choices(annotation: Any) -> tuple[str, ...]:
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def iterate_fields(parts: tuple[Part, ...]) -> Iterator[Field]:
    """Yield every input; those of a list's row once."""
    for part in parts:
        match part:
            case Field():
                yield part
            case Group():
                yield from iterate_fields(part.parts)
            case FieldList():
                yield from iterate_fields(part.row.parts)


def with_row_number(part: Part, number: int) -> Part:
    """Return a part of a list's row with the row's number in its path. Pure."""
    path = part.path.replace(INDEX, str(number), 1)
    match part:
        case Field():
            return Field(path, part.kind, part.is_required, part.choices, part.default)
        case Group():
            return Group(path, tuple(with_row_number(member, number) for member in part.parts), part.is_required)
        case FieldList():
            row_path = part.row.path.replace(INDEX, str(number), 1)
            return FieldList(path, Group(row_path, part.row.parts, is_required=True))
