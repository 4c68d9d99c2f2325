"""What must always hold: `sql/checks/*.sql`, each a sentence and a query that returns the rows that break it.

And the one that SQL cannot say: `ledger/invariants/log_tiles.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger.invariants import log_tiles
from sql import Connection, Script, scripts

ROWS_MAX = 20
_SCANS_MARKER = " scans: "  # in the second comment of a check that reads a table which only grows


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold."""

    name: str
    sentence: str
    rows: list[dict[str, Any]]  # the first of those that break it
    count: int  # of all of them


def check_sentence(check: Script) -> str:
    """Return what a check says must always hold."""
    return check.sentence.partition(_SCANS_MARKER)[0]


def list_checks(*, with_scans: bool = True) -> Iterator[Script]:
    """Return the checks; without those that read a whole table of likes or batches if `scans` is false."""
    return (check for check in scripts("checks") if with_scans or _SCANS_MARKER not in check.sentence)


async def run_checks(conn: Connection, *, with_scans: bool = True) -> list[Violation]:
    """Run the checks and return those that fail: none in a database that is sound."""
    failures = [await _run_check(conn, check) for check in list_checks(with_scans=with_scans)]
    if with_scans:
        failures.append(await _check_log_tiles(conn))
    return [failure for failure in failures if failure.count]


async def _run_check(conn: Connection, check: Script) -> Violation:
    failure = Violation(check.name, check_sentence(check), [], 0)
    rows, count = [], 0
    async with conn.transaction():
        async for row in conn.cursor(check.text):
            count += 1
            if count <= ROWS_MAX:
                rows.append(dict(row))
    return Violation(failure.name, failure.sentence, rows, count)


async def _check_log_tiles(conn: Connection) -> Violation:
    async with conn.transaction():
        rows = [row async for row in log_tiles.find_broken_tiles(conn)]
    return Violation(log_tiles.NAME, log_tiles.SENTENCE, rows[:ROWS_MAX], len(rows))
