"""Calls that the program must not make: floats, a second clock, SQL outside sql/."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from repository import Source, format_faults, package_sources, sources

# An embedded server has one host.
CONNECTING_FILES = {Path("ops/database_hosts.py"), Path("ops/embedded_postgres/ownership.py")}
CLOCK = Path("ops/clock.py")
CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}
SQL = re.compile(
    r"\s*(SELECT\s|INSERT INTO\s|UPDATE\s+\w+\s+SET\s|DELETE FROM\s|WITH\s+\w+\s+AS\b|MERGE INTO\s|TRUNCATE\s"
    r"|(CREATE|ALTER|DROP)\s+(UNIQUE |OR REPLACE )?"
    r"(TABLE|INDEX|ROLE|DATABASE|FUNCTION|TRIGGER|TYPE|SEQUENCE|VIEW)\b"
    r"|LOCK TABLE\s|COPY\s+\w+.*\b(FROM|TO)\b|SET (LOCAL|ROLE)\s|GRANT\s.*\bTO\b)"
)


def calls(source: Source) -> Iterator[ast.Call]:
    return (node for node in source.nodes if isinstance(node, ast.Call))


def is_float(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "float"


def is_clock(call: ast.Call) -> bool:
    """Return whether a call reads a clock: `datetime.now()`, `datetime.datetime.now()`, `time.time()` …"""
    if not isinstance(call.func, ast.Attribute):
        return False
    owner = call.func.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return (name, call.func.attr) in CLOCKS


def parse_call(expression: str) -> ast.Call:
    node = ast.parse(expression, mode="eval").body
    assert isinstance(node, ast.Call)
    return node


@pytest.mark.parametrize(
    ("expression", "reads_a_clock"),
    [
        ("datetime.now(UTC)", True),
        ("datetime.datetime.utcnow()", True),
        ("date.today()", True),
        ("time.time()", True),
        ("time.monotonic()", False),
        ("clock.now()", False),
        ("now()", False),
    ],
)
def test_the_clock_rule_itself(expression: str, *, reads_a_clock: bool) -> None:
    assert is_clock(parse_call(expression)) is reads_a_clock


def test_every_connection_follows_a_failover() -> None:
    faults = [
        source.location(call)
        for source in package_sources()
        if source.path not in CONNECTING_FILES
        for call in calls(source)
        if ast.unparse(call.func) in {"asyncpg.connect", "asyncpg.create_pool"}
    ]
    assert not faults, format_faults(faults, "connect by ops.database: it finds the primary among several hosts")


def test_no_float_is_made() -> None:
    faults = [source.location(call) for source in package_sources() for call in calls(source) if is_float(call)]
    assert not faults, format_faults(
        faults, "money is an integer, a rate a Fraction; for a display, format the integer"
    )


def test_only_the_clock_reads_the_clock() -> None:
    faults = [
        source.location(call)
        for source in sources()
        for call in calls(source)
        if source.path != CLOCK and is_clock(call) and "bench" not in source.path.parts
    ]
    assert not faults, format_faults(faults, "time is a parameter named `now`; ops/app.py passes ops.clock.utc_now")


@pytest.mark.parametrize(
    ("text", "is_sql"),
    [
        ("SELECT 1", True),
        ("\n  WITH rows AS (SELECT 1)", True),
        ("UPDATE likes SET state = $1", True),
        ("CREATE UNIQUE INDEX a ON b (c)", True),
        ("CREATE ROLE somebody", True),
        ("Select a campaign", False),
        ("UPDATE", False),
        ("DELETE", False),
        ("WITH care", False),
    ],
)
def test_the_sql_rule_itself(text: str, *, is_sql: bool) -> None:
    assert bool(SQL.match(text)) is is_sql


def test_sql_stands_in_sql() -> None:
    faults = [
        source.location(node)
        for source in package_sources()
        for node in source.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    ]
    assert not faults, format_faults(
        faults, "give it a name and a sentence in sql/queries/*.sql, then sql.query(name)"
    )
