"""The texts under sql/: each query is named, explained and used; each constraint is named as the rule it states."""

import ast
import re

import pytest

import sql
from repository import format_faults, package_sources, sources

SENTENCE = re.compile(r"\A(--[^\n]*\n)+")
RULE = re.compile(r"\b(?:CHECK\s*\(|UNIQUE\b|FOREIGN KEY\b|EXCLUDE\b)")
UNNAMED_BEFORE = re.compile(r"(?:CONSTRAINT \w+|CREATE)\s+\Z")


def asked_for() -> dict[str, str]:
    """Return the names that the program passes to `query`, and where."""
    return {
        str(node.args[0].value): source.location(node)
        for source in package_sources()
        for node in source.nodes
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"query", "sql.query"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_query_is_called() -> None:
    faults = sorted(sql.queries().keys() - asked_for().keys())
    assert not faults, format_faults(faults, "delete what nobody calls; git keeps it")


def test_every_query_that_is_called_exists() -> None:
    faults = [f"{where}: {name}" for name, where in asked_for().items() if name not in sql.queries()]
    assert not faults, format_faults(faults, "queries stand in sql/queries/*.sql under `-- name: …`")


def test_queries_are_asked_for_by_their_names_in_full() -> None:
    faults = [
        source.location(node)
        for source in sources()
        if not source.is_test and source.path.parts[0] != "sql"
        for node in source.nodes
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"query", "sql.query"}
        and not (node.args and isinstance(node.args[0], ast.Constant))
    ]
    assert not faults, format_faults(faults, "write the name as a literal, so that it can be rules")


def says_what_it_does(text: str) -> bool:
    """Tell whether a text opens with a comment that is a sentence."""
    opening = SENTENCE.match(text.strip() + "\n")
    if opening is None:
        return False
    sentence = " ".join(line.removeprefix("--").strip() for line in opening[0].splitlines())
    return bool(re.match(r"[A-Z`].+[.:]", sentence)) and len(sentence.split()) > 1


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("-- The balance of an account.\nSELECT 1;", True),
        ("-- Two lines, of which\n-- this is one.\nSELECT 1;", True),
        ("SELECT 1;", False),
        ("-- balances\nSELECT 1;", False),
    ],
)
def test_the_sentence_rule_itself(text: str, *, is_said: bool) -> None:
    assert says_what_it_does(text) is is_said


def test_every_query_check_and_migration_opens_with_a_sentence() -> None:
    texts = dict(sql.queries())
    texts |= {f"{folder}/{s.name}": s.text for folder in ("checks", "migrations") for s in sql.scripts(folder)}
    texts["roles"] = sql.script("roles").text
    faults = [name for name, text in texts.items() if not says_what_it_does(text)]
    assert not faults, format_faults(
        faults, "open with a comment that says what it does, in a sentence with a full stop"
    )


def unnamed_rules(text: str) -> list[str]:
    """Return the lines of a migration that state a rule without giving it a name."""
    code = re.sub(r"--[^\n]*", "", text)
    rules = (rule for rule in RULE.finditer(code) if not UNNAMED_BEFORE.search(code[: rule.start()]))
    return [code[code.rfind("\n", 0, rule.start()) + 1 : rule.end()].strip() for rule in rules]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("CREATE TABLE a (b integer, CONSTRAINT a_b_is_positive CHECK (b > 0))", 0),
        ("CREATE TABLE a (b integer CONSTRAINT a_b_is_positive\n    CHECK (b > 0))", 0),
        ("CREATE UNIQUE INDEX a_b ON a (b)", 0),
        ("CREATE TABLE a (b integer CHECK (b > 0))", 1),
        ("CREATE TABLE a (b integer UNIQUE, FOREIGN KEY (b) REFERENCES c)", 2),
    ],
)
def test_the_constraint_rule_itself(text: str, count: int) -> None:
    assert len(unnamed_rules(text)) == count


def test_every_constraint_is_named() -> None:
    faults = [f"{script.name}: {line}" for script in sql.scripts("migrations") for line in unnamed_rules(script.text)]
    assert not faults, format_faults(
        faults, "CONSTRAINT table_says_the_rule CHECK (…): the code handles it by that name"
    )


def test_every_check_is_a_query_and_changes_nothing() -> None:
    changing = re.compile(r"\b(INSERT|UPDATE|DELETE|TRUNCATE|ALTER|DROP|CREATE)\b")
    faults = [s.name for s in sql.scripts("checks") if changing.search(re.sub(r"--[^\n]*|'[^']*'", "", s.text))]
    assert not faults, format_faults(faults, "an invariant is a query that returns the rows which break it")
