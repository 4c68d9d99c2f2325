"""One word for one thing: a few words name nothing and are banned."""

import ast
import re
from collections.abc import Iterator

import pytest

import sql
from repository import Source, format_faults, package_sources, sources, split_words, texts

INSTEAD = {
    "donation": "say what it is: a like, a pledge, a payout",
    "record": "as a noun it says nothing: row, line, entry, leaf; as a verb it may open a function's name",
    "data": "say what is in it: body, rows, figures",
    "info": "name the facts in it",
    "manager": "say what it does: runner, sequencer, cache",
    "helper": "say what it does",
    "utils": "say what the functions have in common",
}
KEPT = {
    "open_data": "figures that anyone may use: a term of its own",
    "_INFO": "the info object of OpenAPI 3.1",
    "data": "the envelope's member, named by Standard Webhooks",
    "data_received": "asyncio's name for a protocol's method",
    "data_dir": "the contract's LIKE_LEDGER_DATA_DIR",
}
SYNONYMS = {"donations": "donation", "records": "record", "util": "utils"}
SYNONYMS |= {"helpers": "helper", "managers": "manager"}


def banned_word(name: str, *, is_function: bool = False) -> str | None:
    """Return the banned word that a name is made of."""
    if name in KEPT:
        return None
    name = re.sub("open_data", "", name, flags=re.IGNORECASE)
    parts = [SYNONYMS.get(word, word) for word in split_words(name)]
    if is_function and parts[:1] == ["record"]:
        parts = parts[1:]
    return next((word for word in parts if word in INSTEAD), None)


def names(source: Source) -> Iterator[tuple[ast.AST, str, bool]]:
    """Yield each name that a file binds: node, name, whether it names a function."""
    for node in source.nodes:
        if (name := bound_name(node)) and not name.startswith("test_"):  # a test's is a sentence
            yield node, name, isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def bound_name(node: ast.AST) -> str | None:
    """Return the name that a node binds, if any."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name
        case ast.Name(id=name, ctx=ast.Store()):
            return name
        case ast.Attribute(
            value=ast.Name(id="self"), attr=name, ctx=ast.Store()
        ):  # another object's may be a library's
            return name
        case ast.arg(arg=name) | ast.alias(asname=str(name)):
            return name
    return None


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("open_data_endpoint", None),
        ("record_likes", None),
        ("_record", None),
        ("recorded_at", None),
        ("prevented", None),
        ("RowRecord", "record"),
        ("DonationTotals", "donation"),
        ("donations", "donation"),
        ("file_info", "info"),
    ],
)
def test_the_rule_itself(name: str, word: str | None) -> None:
    assert banned_word(name, is_function=name.islower()) == word


def test_no_name_is_made_of_a_banned_word() -> None:
    faults = [
        f"{source.location(node)}: {name}: {INSTEAD[word]}"
        for source in sources()
        for node, name, is_function in names(source)
        if (word := banned_word(name, is_function=is_function))
    ]
    assert not faults, format_faults(faults, "the words of the project are few: docs/concepts.md, “Terms”")


def test_no_module_is_named_by_a_banned_word() -> None:
    # Open data is a term of its own: figures that anyone may use.
    faults = [str(s.path) for s in package_sources() if s.path.stem != "open_data" and banned_word(s.path.stem)]
    assert not faults, format_faults(faults, "a file is one noun of the field")


def test_no_table_or_column_is_named_by_a_banned_word() -> None:
    faults = [
        f"{script.name}: {name}: {INSTEAD[word]}"
        for script in sql.scripts("migrations")
        for name in re.findall(r"^ {4}([a-z_]+) +\w|CREATE TABLE (\w+)", script.text, re.MULTILINE)
        if (word := banned_word("".join(name)))
    ]
    assert not faults, format_faults(faults, "one word for one thing, in SQL too")


def test_money_says_its_unit() -> None:
    amount = re.compile(r"^(amount|balance|budget|cap|floor|pledged|paid|settled|funded)$")
    faults = [
        f"{source.location(node)}: {name}"
        for source in package_sources()
        for node, name, is_function in names(source)
        if not is_function and amount.match(name) and is_annotated_as_integer(source, node)
    ]
    assert not faults, format_faults(faults, "an integer count of minor units ends in _minor")


def is_annotated_as_integer(source: Source, node: ast.AST) -> bool:
    annotation = getattr(node, "annotation", None)
    if annotation is None:
        annotated = (n for n in source.nodes if isinstance(n, ast.AnnAssign) and n.target is node)
        annotation = next((n.annotation for n in annotated), None)
    return annotation is not None and ast.unparse(annotation).startswith("int")


def test_nothing_is_left_to_do() -> None:
    # The third is also ISO 4217's code for no currency: a mark only where a comment has it.
    mark = re.compile(r"\b(TO" + "DO|FIX" + r"ME)\b|(#|--|//).*\bX" + r"XX\b")
    faults = [f"{path}: {match[0]}" for path, text in texts().items() if (match := mark.search(text))]
    assert not faults, format_faults(faults, "do it, or write an issue and leave the code whole")
