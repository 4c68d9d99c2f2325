"""Run the invariants: the queries of `sql/checks/*.sql`, and the log tiles."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger.invariants import log_tiles
from sql import Connection, Script, scripts

ROWS_MAX = 20
_SCANS_MARKER = " scans: "  # in the comment of a check that reads a table which only grows


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant."""

    name: str
    sentence: str
    rows: list[dict[str, Any]]  # the first rows that break it
    count: int  # of all rows that break it


def check_sentence(check: Script) -> str:
    """Return the sentence that a check asserts."""
    return check.sentence.partition(_SCANS_MARKER)[0]


def list_checks(*, with_scans: bool = True) -> Iterator[Script]:
    """Return the checks; without those that scan all likes or batches if `with_scans` is false."""
    return (check for check in scripts("checks") if with_scans or _SCANS_MARKER not in check.sentence)


async def run_checks(conn: Connection, *, with_scans: bool = True) -> list[Violation]:
    """Run the checks and return the violations, none if the database is sound."""
    violations = [await _run_check(conn, check) for check in list_checks(with_scans=with_scans)]
    if with_scans:
        violations.append(await _check_log_tiles(conn))
    return [violation for violation in violations if violation.count]


async def _run_check(conn: Connection, check: Script) -> Violation:
    rows, count = [], 0
    async with conn.transaction():
        async for row in conn.cursor(check.text):
            count += 1
            if count <= ROWS_MAX:
                rows.append(dict(row))
    return Violation(check.name, check_sentence(check), rows, count)


async def _check_log_tiles(conn: Connection) -> Violation:
    async with conn.transaction():
        rows = [row async for row in log_tiles.find_broken_tiles(conn)]
    return Violation(log_tiles.NAME, log_tiles.SENTENCE, rows[:ROWS_MAX], len(rows))
