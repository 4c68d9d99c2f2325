"""The SQL of the project, by name: a query is a name, a sentence and a body.

Queries stand in `queries/*.sql`, several a file, each as

    -- name: insert_likes
    -- What it does, in a sentence.
    INSERT …

and are plain PostgreSQL with $1, $2 …: nothing rewrites them.
"""

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

# What a function takes that joins its caller's transaction.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

# What asyncpg says when the database cannot be reached, goes away or is shutting down: nothing is wrong but that.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # when the line breaks between two of its own messages
)

FOLDER = Path(__file__).parent
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """A migration or a check: a file with a name and its text."""

    name: str
    text: str

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of the text: what was applied is never edited afterwards."""
        return sha256(self.text.encode()).digest()

    @property
    def sentence(self) -> str:
        """Return the opening comment: what the file says of itself."""
        lines = self.text.split("\n")
        comment = [line[3:] for line in lines[: next(i for i, s in enumerate(lines) if s[:2] != "--")]]
        return " ".join(comment).strip()


@cache
def queries() -> dict[str, str]:
    """Return every query's text by its name."""
    found: dict[str, str] = {}
    for file in sorted((FOLDER / "queries").glob("*.sql")):
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"{file.name}: a query named {name} stands in another file already")
            found[name] = body.strip()
    return found


def query(name: str) -> str:
    """Return the text of the query `name`; KeyError where there is none."""
    return queries()[name]


def scripts(folder: str) -> list[Script]:
    """Return the files of `migrations` or `checks`, in order of their names."""
    files = sorted((FOLDER / folder).glob("*.sql"))
    return [Script(file.stem, file.read_text(encoding="utf-8")) for file in files]


def script(name: str) -> Script:
    """Return one file beside this one: `schema` or `roles`."""
    return Script(name, (FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
