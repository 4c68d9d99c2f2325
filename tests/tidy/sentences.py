"""What the program says when it refuses: the sentence of every `raise` and `Fault`, read off its tree.

A sentence is a text in which `HOLE` stands for each value. An expected refusal is a value (CONTRIBUTING, rule 4): so
what a name or a call says is looked up where it is assigned and returned.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

from repository import Source, program

HOLE = "\N{WHITE SQUARE}"
_DEEP = 6
_ALTERNATIVES_MAX = 50
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Said(NamedTuple):
    """A sentence and where it is said; None: the tree does not tell what is said there."""

    where: str
    source: str
    sentence: str | None


def said(kinds: frozenset[str], of: Sequence[Source]) -> Iterator[Said]:
    """Yield what every call of one of these names says, in these files, and what such a class hands to its base."""
    spoken = kinds - _with_own_words()
    for source in of:
        for node in source.nodes:
            match node:
                case ast.Call(func=ast.Name(id=name), args=[*_, told]) if name in spoken:
                    yield from _of_call(source, node, told)
                case ast.ClassDef(name=name) if name in kinds:
                    for call in ast.walk(node):
                        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__" and call.args:
                            yield from _of_call(source, call, call.args[-1])


def _of_call(source: Source, call: ast.Call, told: ast.expr) -> Iterator[Said]:
    for sentence in list(_Reader(source, call).texts(told)) or [None]:
        yield Said(source.at(call), f"{source.path}: {ast.unparse(told)}", sentence)


def kinds(*roots: str) -> frozenset[str]:
    """Return the names of exceptions and of all that are derived from them, wherever they are defined."""
    known, bases = set(roots), dict[str, set[str]]()
    for node in (node for source in program() for node in source.nodes if isinstance(node, ast.ClassDef)):
        bases[node.name] = {ast.unparse(base) for base in node.bases}
    while more := {name for name, own in bases.items() if own & known} - known:
        known |= more
    return frozenset(known)


@cache
def _with_own_words() -> frozenset[str]:
    """Return the classes that make their sentence of what they are given."""
    classes = (node for source in program() for node in source.nodes if isinstance(node, ast.ClassDef))
    return frozenset(own.name for own in classes for part in own.body if getattr(part, "name", "") == "__init__")


class _Reader:
    """Reads expressions within one function of one file."""

    def __init__(self, source: Source, at: ast.AST) -> None:
        self._source, self._function = source, around(source, at)

    def texts(self, told: ast.expr, deep: int = 0) -> Iterator[str]:
        """Yield what an expression may say; nothing where that cannot be told."""
        if deep > _DEEP:
            return
        match told:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=parts):
                yield from self._joined(parts, deep)
            case ast.Call():
                yield from self._called(told, deep)
            case _:
                for each in self._alternatives(told):
                    yield from self.texts(each, deep + 1)

    def _alternatives(self, told: ast.expr) -> Iterator[ast.expr]:
        """Yield the expressions that another stands for, or chooses among."""
        match told:
            case ast.IfExp(body=one, orelse=other):
                yield from (one, other)
            case ast.BoolOp(values=several) | ast.List(elts=several):
                yield from several
            case ast.ListComp(elt=each):
                yield each
            case ast.Name(id=name):
                yield from self._assigned(name)

    def _joined(self, parts: Sequence[ast.expr], deep: int) -> Iterator[str]:
        each = [
            list(self.texts(part.value, deep + 1))[:_ALTERNATIVES_MAX] or [HOLE]
            if isinstance(part, ast.FormattedValue) and _is_a_phrase(part.value)
            else [HOLE if isinstance(part, ast.FormattedValue) else str(getattr(part, "value", ""))]
            for part in parts
        ]
        yield from ("".join(one) for one in product(*each))

    def _called(self, call: ast.Call, deep: int) -> Iterator[str]:
        match call.func:
            case ast.Attribute(value=value, attr="format"):
                for text in self.texts(value, deep + 1):
                    yield text.replace("{}", HOLE)
            case ast.Attribute(value=ast.Constant(value="; "), attr="join"):
                yield from self.texts(call.args[0], deep + 1)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                for source, function in functions(name, self._source):
                    inside = _Reader(source, function.body[0])
                    for node in ast.walk(function):
                        if isinstance(node, ast.Return) and node.value is not None:
                            yield from inside.texts(node.value, deep + 1)

    def _assigned(self, name: str) -> Iterator[ast.expr]:
        """Yield what a name is given within the function, or else in the file."""
        within = list(ast.walk(self._function)) if self._function else []
        yield from list(_given(name, within)) or list(_given(name, self._source.tree.body)) or self._imported(name)

    def _imported(self, name: str) -> Iterator[ast.expr]:
        for source in imported_from(name, self._source):
            yield from _given(name, source.tree.body)


def _is_a_phrase(value: ast.expr) -> bool:
    """Tell whether what is filled in is words of ours: a name or a choice of texts, not a figure."""
    return isinstance(value, ast.Name | ast.IfExp)


def _given(name: str, nodes: Sequence[ast.AST]) -> Iterator[ast.expr]:
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=own)], value=value) if own == name:
                yield value
            case ast.AugAssign(target=ast.Name(id=own), value=value) if own == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=own), value=value) if own == name:
                yield value


def around(source: Source, at: ast.AST) -> Function | None:
    """Return the innermost function that a node stands in."""
    line = getattr(at, "lineno", 0)
    holding = [
        node for node in source.nodes if isinstance(node, Function) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    return max(holding, key=lambda node: node.lineno, default=None)


@cache
def functions(name: str, near: Source) -> tuple[tuple[Source, Function], ...]:
    """Return the functions of a name: that of the same file, or else those that the file imports."""
    own = [(near, node) for node in near.nodes if isinstance(node, Function) and node.name == name]
    if own:
        return tuple(own)
    found = ((source, node) for source in imported_from(name, near) for node in source.nodes)
    return tuple((source, node) for source, node in found if isinstance(node, Function) and node.name == name)


def imported_from(name: str, near: Source) -> list[Source]:
    """Return the files that a file imports a name from."""
    modules = {
        node.module
        for node in near.nodes
        if isinstance(node, ast.ImportFrom) and node.module and any(alias.name == name for alias in node.names)
    }
    paths = {Path(*module.split(".")).with_suffix(".py") for module in modules}
    return [source for source in program() if source.path in paths]
