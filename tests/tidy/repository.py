"""The repository as the tidy tests see it: what is committed or would be, its Python parsed, its documents."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from docs.generators.parts import fill

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ledger", "campaigns", "ops", "sql")
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


@cache
def committed_files() -> tuple[Path, ...]:
    """Return every file that is in git or would be added, but for links; relative to the root."""
    # Another user's checkout, as CI has it, is refused without the setting.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (Path(name) for name in sorted(set(listed.split("\0"))) if name)
    return tuple(path for path in paths if (ROOT / path).is_file())


@dataclass(frozen=True)
class Source:
    """One Python file; `path` is relative to the root."""

    path: Path

    @cached_property
    def text(self) -> str:
        """Return the file's text."""
        return (ROOT / self.path).read_text(encoding="utf-8")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Return every node of the syntax tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def tree(self) -> ast.Module:
        """Return the syntax tree."""
        return ast.parse(self.text)

    @property
    def is_test(self) -> bool:
        """Tell whether it is part of the tests."""
        return self.path.parts[0] == "tests"

    def location(self, node: ast.AST) -> str:
        """Return where a node stands, as editors jump to it."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


@cache
def sources() -> tuple[Source, ...]:
    """Return every Python file."""
    return tuple(Source(path) for path in committed_files() if path.suffix == ".py")


def package_sources() -> Iterator[Source]:
    """Yield the Python files of the four packages."""
    return (source for source in sources() if source.path.parts[0] in PACKAGES)


@cache
def texts() -> dict[Path, str]:
    """Return the text files that are committed."""
    contents: dict[Path, str] = {}
    for path in committed_files():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content:
            contents[path] = content.decode("utf-8")
    return contents


@cache
def documents() -> str:
    """Return the README and the pages under docs/, their generated parts in place."""
    pages = (path for path in texts() if path.name == "README.md" or is_page(path))
    return "\n".join(fill(texts()[path]) for path in pages)


def is_page(path: Path) -> bool:
    """Say whether a file is a page of the documentation site."""
    return path.parts[0] == "docs" and path.suffix == ".md"


def split_words(name: str) -> list[str]:
    """Return the words of an identifier, in lower case: `LikeEvent` and `like_event` are the same two."""
    return [word.lower() for word in _WORD.findall(name)]


def format_faults(faults: list[str], advice: str) -> str:
    """Return what a failing rule prints: where, and what to do instead."""
    return "\n".join([*faults, f"→ {advice}"])
