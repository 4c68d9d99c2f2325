"""What must always hold: `sql/checks/*.sql`, each a sentence and a query that returns the rows that break it.

And the one that SQL cannot say: `ledger/invariants/log_tiles.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger.invariants import log_tiles
from sql import Connection, Script, scripts

ROWS_MAX = 20
_SCANS = " scans: "  # in the second comment of a check that reads a table which only grows


@dataclass(frozen=True, slots=True)
class Failure:
    """An invariant that does not hold."""

    name: str
    sentence: str
    rows: list[dict[str, Any]]  # the first of those that break it
    count: int  # of all of them


def sentence(check: Script) -> str:
    """Return what a check says must always hold."""
    return check.sentence.partition(_SCANS)[0]


def checks(*, scans: bool = True) -> Iterator[Script]:
    """Return the checks; without those that read a whole table of likes or batches if `scans` is false."""
    return (check for check in scripts("checks") if scans or _SCANS not in check.sentence)


async def run(conn: Connection, *, scans: bool = True) -> list[Failure]:
    """Run the checks and return those that fail: none in a database that is sound."""
    failures = [await _try(conn, check) for check in checks(scans=scans)]
    if scans:
        failures.append(await _rehash(conn))
    return [failure for failure in failures if failure.count]


async def _try(conn: Connection, check: Script) -> Failure:
    failure = Failure(check.name, sentence(check), [], 0)
    rows, count = [], 0
    async with conn.transaction():
        async for row in conn.cursor(check.text):
            count += 1
            if count <= ROWS_MAX:
                rows.append(dict(row))
    return Failure(failure.name, failure.sentence, rows, count)


async def _rehash(conn: Connection) -> Failure:
    async with conn.transaction():
        rows = [row async for row in log_tiles.broken(conn)]
    return Failure(log_tiles.NAME, log_tiles.SENTENCE, rows[:ROWS_MAX], len(rows))
