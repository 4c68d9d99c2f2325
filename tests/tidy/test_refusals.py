"""Every refusal has a code with its sentence in both languages, and the values that the sentence names."""

import ast
import re
import string
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, get_args

import pytest
from pydantic_core.core_schema import ErrorType

from ledger.errors import Refusal
from ops.admin import registry
from ops.i18n.refusals import refusal_catalogue
from repository import Source, format_faults, package_sources

assert registry.COMMANDS  # every class of refusal is imported by now

CODE = re.compile(r"[a-z][a-z0-9_]*")
MODELS_OWN = frozenset(get_args(ErrorType))


class Raised(NamedTuple):
    """A place that makes a refusal: its code and its values; None: the code, or the values, come from elsewhere."""

    location: str
    code: str | None
    params: frozenset[str] | None


def refusal_classes(of: type = Refusal) -> Iterator[str]:
    """Yield the names of the classes whose first argument is a code."""
    if "__init__" not in vars(of) or of is Refusal:
        yield of.__name__
    for kind in of.__subclasses__():
        yield from refusal_classes(kind)


@cache
def raised_refusals() -> tuple[Raised, ...]:
    """Return every place that makes a refusal, an error of a field, or refuses a value of a model."""
    names = frozenset(refusal_classes()) - {"ValidationFailed", "PromiseRefused"} | {"invalid_value"}
    return tuple(refusal for source in package_sources() for refusal in _in_file(source, names))


def _in_file(source: Source, names: frozenset[str]) -> Iterator[Raised]:
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Name(id="FieldError"), args=[_, code, *params]):
                yield Raised(source.location(node), _text(code), _keys(params[0]) if params else frozenset())
            case ast.Call(func=ast.Name(id=name), args=[code], keywords=keywords) if name in names:
                is_open = any(keyword.arg is None for keyword in keywords)
                values = frozenset(keyword.arg for keyword in keywords if keyword.arg)
                yield Raised(source.location(node), _text(code), None if is_open else values)
            case ast.ClassDef(name=name) if name in all_refusal_classes():
                yield from _in_constructor(source, node)


def _in_constructor(source: Source, owner: ast.ClassDef) -> Iterator[Raised]:
    for node in ast.walk(owner):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Call(), attr="__init__"), args=[code], keywords=keywords):
                values = frozenset(keyword.arg for keyword in keywords if keyword.arg)
                yield Raised(source.location(node), _text(code), values)


def all_refusal_classes(of: type = Refusal) -> frozenset[str]:
    """Return the names of every class of refusal."""
    return frozenset({of.__name__}).union(*(all_refusal_classes(kind) for kind in of.__subclasses__()))


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _keys(node: ast.expr) -> frozenset[str] | None:
    if not isinstance(node, ast.Dict):
        return None
    return frozenset(text for key in node.keys if key is not None and (text := _text(key)))


def placeholders(sentence: str) -> frozenset[str]:
    """Return the values that a sentence names."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(sentence) if name)


def test_there_are_refusals_to_look_at() -> None:
    assert len({refusal.code for refusal in raised_refusals()}) > 100


def test_every_code_is_in_the_catalogue() -> None:
    faults = [
        f"{refusal.location}: {refusal.code}"
        for refusal in raised_refusals()
        if refusal.code is not None and refusal.code not in refusal_catalogue()
    ]
    assert not faults, format_faults(faults, "add it to ops/site/refusals/, in English and Chinese")


def test_every_sentence_names_values_that_the_refusal_carries() -> None:
    faults = [
        f"{refusal.location}: {refusal.code}: {sorted(missing)}"
        for refusal in raised_refusals()
        if refusal.code in refusal_catalogue() and refusal.params is not None
        for sentence in refusal_catalogue()[refusal.code].values()
        if (missing := placeholders(sentence) - refusal.params)
    ]
    assert not faults, format_faults(faults, "hand the value over beside the code")


def test_every_code_of_the_catalogue_is_raised() -> None:
    used = {refusal.code for refusal in raised_refusals()} | constants()
    unused = {name.rpartition(".")[2] for name in refusal_catalogue()} - used - MODELS_OWN
    assert not unused, format_faults(sorted(unused), "nothing refuses with it: take it out of ops/site/refusals/")


def constants() -> set[str]:
    """Return every text of the program: a code may be chosen before it is raised."""
    nodes = (node for source in package_sources() for node in source.nodes)
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("code", sorted(refusal_catalogue()))
def test_a_code_has_a_sentence_in_both_languages(code: str) -> None:
    entry = refusal_catalogue()[code]
    assert CODE.fullmatch(code.rpartition(".")[2]), "a code is words joined by underscores"
    assert entry.keys() == {"en", "zh"}
    assert entry["en"].endswith((".", "?", "}")), "an English sentence ends"
    assert entry["zh"].endswith(("。", "？", "}")), "a Chinese sentence ends"
