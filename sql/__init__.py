"""The SQL of the project, by name: a query has a name, a sentence and a body.

Each file of `queries/` holds the queries of one package:

    -- name: insert_batch
    -- Insert the batch of a campaign.
    INSERT …

A body is plain PostgreSQL with $1, $2 …; nothing rewrites it.
"""

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from sql.outages import CONFLICT_ERRORS, Outage, find_outage, is_unavailable

__all__ = [
    "CONFLICT_ERRORS",
    "Connection",
    "Outage",
    "Pool",
    "Script",
    "find_outage",
    "is_unavailable",
    "queries",
    "query",
    "rows_affected",
    "script",
    "scripts",
]

# A function with such a parameter joins the transaction of its caller.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

FOLDER = Path(__file__).parent
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """The name and the text of a migration or a check."""

    name: str
    text: str

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of the text, which detects an edit after the migration was applied."""
        return sha256(self.text.encode()).digest()

    @property
    def sentence(self) -> str:
        """Return the opening comment as one line."""
        lines = self.text.split("\n")
        comment = [line[3:] for line in lines[: next(i for i, s in enumerate(lines) if s[:2] != "--")]]
        return " ".join(comment).strip()


@cache
def queries() -> dict[str, str]:
    """Return the text of every query by name. Raises ValueError if two files define a name."""
    texts: dict[str, str] = {}
    for file in sorted((FOLDER / "queries").glob("*.sql")):
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            if name in texts:
                raise ValueError(f"{file.name}: another file already defines the query {name}")
            texts[name] = body.strip()
    return texts


def query(name: str) -> str:
    """Return the text of the query `name`. Raises KeyError if there is none."""
    return queries()[name]


def rows_affected(status: str) -> int:
    """Return the number of rows in a PostgreSQL command tag: `UPDATE 3` and `INSERT 0 3` are 3."""
    return int(status.rpartition(" ")[2])


def scripts(folder: str) -> list[Script]:
    """Return the files of `migrations` or `checks`, sorted by name."""
    files = sorted((FOLDER / folder).glob("*.sql"))
    return [Script(file.stem, file.read_text(encoding="utf-8")) for file in files]


def script(name: str) -> Script:
    """Return the file `schema` or `roles`."""
    return Script(name, (FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
