"""Names and prose use the field's words: no bare participles, no riddles."""

import ast
import re

import pytest

from repository import Source, format_faults, sources
from test_names import names

BARE_WORDS_MAX = 40
PARTICIPLES_MAX = 5
INSTEAD = {
    "own": "name the thing: rules, settings, settlement",
    "told": "name it: message, response, lines",
    "found": "name what was looked for: campaign, row, match",
    "given": "name it: options, arguments, body",
    "said": "name it: text, reason, response",
    "asked": "name it: request, body, query",
    "known": "name what is known: stored, rows, seen_ids",
    "shown": "name it: view, page, values",
    "held": "name it: balance, lock, shares",
    "place": "say which: position, path, index, subject_id",
    "one": "name the element: row, settlement, line",
    "each": "name the element: row, field, beneficiary",
    "how": "name the choice: rule, channel, mode",
}
IRREGULAR = frozenset(
    [
        *("begun", "drawn", "found", "given", "gone", "heard", "held", "kept", "known", "made", "meant", "paid"),
        *("said", "seen", "sent", "shown", "taken", "told", "written"),
    ]
)
RIDDLES = {
    r"\banew\b": "again",
    r"(?<!there )\bis none\b(?! of)": "is not one",
    r"\btells? of\b": "describes, reports",
    r"\b[Ww]hoever\b": "the person who",
    r"\bof which\b": "whose, with",
    r"\bnobody in particular\b": "an unprivileged user",
}


def is_participle(name: str) -> bool:
    """Return whether a function's name is a bare participle: `told`, `settled`, but not `is_settled`."""
    word = name.strip("_")
    is_regular = re.fullmatch(r"[a-z]{3,}ed", word) is not None and word != "feed"
    return word in IRREGULAR or is_regular


def prose(source: Source) -> list[tuple[int, str]]:
    """Return the docstrings and comments of a file, with their first lines."""
    lines = enumerate(source.text.splitlines(), 1)
    comments = [(number, line[line.index("#") :]) for number, line in lines if "# " in line]
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    documented = (node for node in source.nodes if isinstance(node, owners))
    docstrings = [(getattr(node, "lineno", 1), text) for node in documented if (text := ast.get_docstring(node))]
    return [*comments, *docstrings]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("told", True), ("_settled", True), ("record_settled", False), ("feed", False), ("read", False)],
)
def test_the_participle_rule_itself(name: str, *, expected: bool) -> None:
    assert is_participle(name) is expected


def test_few_names_are_bare_words() -> None:
    faults = [
        f"{source.location(node)}: {name}: {INSTEAD[name.strip('_')]}"
        for source in sources()
        for node, name, _ in names(source)
        if name.strip("_") in INSTEAD
    ]
    assert len(faults) <= BARE_WORDS_MAX, format_faults(faults, f"at most {BARE_WORDS_MAX} in all code")


def test_few_functions_are_named_by_a_participle() -> None:
    faults = [
        f"{source.location(node)}: {name}"
        for source in sources()
        for node, name, is_function in names(source)
        if is_function and is_participle(name)
    ]
    assert len(faults) <= PARTICIPLES_MAX, format_faults(faults, "name it verb_object: read_rows, settle_periods")


def test_prose_has_no_riddles() -> None:
    faults = [
        f"{source.path}:{line}: {match[0]} → {plain}"
        for source in sources()
        if "tidy" not in source.path.parts
        for line, text in prose(source)
        for riddle, plain in RIDDLES.items()
        if (match := re.search(riddle, text))
    ]
    assert not faults, format_faults(faults, "plain, active technical English: subject first, at most 25 words")
