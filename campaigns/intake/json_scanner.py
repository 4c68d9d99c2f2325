"""Where the values of a JSON text lie, without reading them: strings, brackets and commas only.

A parser refuses a whole text for one fault anywhere in it. The scanner finds the bounds of each
value, so that its neighbours can be read. The functions are generators that yield after a bounded
number of steps: the caller may do other work in between.
"""

import re
from collections.abc import Generator
from typing import NamedTuple, TypeVar

ResultT = TypeVar("ResultT")
Steps = Generator[None, None, ResultT]

TOKENS_PER_STEP = 1_000
MEMBERS_MAX = 100  # of an object that is scanned

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\r\n",:\[\]{}]++')
# Inside a value only strings and brackets matter; a lone quote begins a string without an end. Each
# match takes what follows too, in bounded pieces, because a search of a megabyte takes long.
_NESTING = re.compile(
    rb'("(?:[^"\\]++|\\.)*+"[^"\[\]{}]{0,4096}+)|([\[{]++)|([\]}]++)|([^"\[\]{}]{1,4096}+)', re.DOTALL
)
_OPENING, _CLOSING = 2, 3


class NotJson(ValueError):
    """The text has no JSON structure: a bracket, quote, comma or colon is missing or too many."""


class TooManyValues(ValueError):
    """An object or an array has more values than the caller accepts."""


class Span(NamedTuple):
    """The position of a value in the text."""

    start: int
    end: int


class Member(NamedTuple):
    """A member of an object; the key is a JSON string with its quotes."""

    key: bytes
    value: Span


def skip_space(text: bytes, position: int) -> int:
    """Return the position of the next character that is no white space. Pure."""
    match = _SPACE.match(text, position)
    return position if match is None else match.end()


def scan_value(text: bytes, start: int) -> Steps[int]:
    """Return the end of the value that starts at a position. Raises NotJson."""
    if text[start : start + 1] in (b"[", b"{"):
        return (yield from _scan_nested(text, start))
    match = (_STRING if text[start : start + 1] == b'"' else _SCALAR).match(text, start)
    if match is None:
        raise NotJson
    return match.end()


def _scan_nested(text: bytes, start: int) -> Steps[int]:
    depth, position = 0, start
    for count, token in enumerate(_NESTING.finditer(text, start)):
        if token.start() != position:  # a lone quote
            break
        kind, position = token.lastindex, token.end()
        if kind == _OPENING:
            depth += token.end() - token.start()
        elif kind == _CLOSING:
            if token.end() - token.start() >= depth:
                return token.start() + depth
            depth -= token.end() - token.start()
        if count % TOKENS_PER_STEP == TOKENS_PER_STEP - 1:
            yield
    raise NotJson


def scan_array(text: bytes, start: int, values_max: int) -> Steps[list[Span]]:
    """Return the bounds of each value of the array that starts at a position.

    Raises NotJson, or TooManyValues as soon as it has more.
    """
    spans: list[Span] = []
    position = skip_space(text, start + 1)
    if text[position : position + 1] == b"]":
        return spans
    while True:
        if len(spans) == values_max:
            raise TooManyValues
        end = yield from scan_value(text, position)
        spans.append(Span(position, end))
        position = skip_space(text, end)
        if text[position : position + 1] == b"]":
            return spans
        position = skip_space(text, _skip(text, position, b","))
        if len(spans) % TOKENS_PER_STEP == 0:
            yield


def scan_object(text: bytes, start: int) -> Steps[tuple[list[Member], int]]:
    """Return the members of the object that starts at a position, and its end.

    Raises NotJson, or TooManyValues if it has more than 100.
    """
    members: list[Member] = []
    position = skip_space(text, start + 1)
    if text[position : position + 1] == b"}":
        return members, position + 1
    while True:
        if len(members) == MEMBERS_MAX:
            raise TooManyValues
        key = _STRING.match(text, position)
        if key is None:
            raise NotJson
        value = skip_space(text, _skip(text, skip_space(text, key.end()), b":"))
        end = yield from scan_value(text, value)
        members.append(Member(key[0], Span(value, end)))
        position = skip_space(text, end)
        if text[position : position + 1] == b"}":
            return members, position + 1
        position = skip_space(text, _skip(text, position, b","))


def _skip(text: bytes, position: int, character: bytes) -> int:
    if text[position : position + 1] != character:
        raise NotJson
    return position + 1


def run_steps(steps: Steps[ResultT]) -> ResultT:
    """Return the result of steps that are taken without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
