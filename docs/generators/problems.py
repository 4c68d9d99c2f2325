"""Every `code` that a program can test for: problems over HTTP, and refusals of commands."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple

from docs.generators.markdown import code, table
from docs.generators.repository import ROOT
from ops.http.core.problems import Problem, problem_details

CATALOGUE = ROOT / "ops/site/refusals"
_CODE = re.compile(r"[a-z][a-z0-9_]*([.-][a-z0-9_]+)*")


class Refusal(NamedTuple):
    """A refusal's code and its sentence in both languages; values stand in braces."""

    code: str
    en: str
    zh: str


def problems() -> str:
    """Return a table of every problem: code, status and sentence, as a response carries them."""
    bodies = [problem_details(kind) for kind in Problem]
    rows = [(code(_code(body)), str(body["status"]), body["detail"]) for body in bodies]
    return table(("code", "status", "means"), rows)


def _code(body: dict[str, Any]) -> str:
    return str(body.get("code") or body["type"].rpartition(":")[2])


def refusals() -> str:
    """Return a table of every refusal of the catalogue."""
    rows = [(code(refusal.code), refusal.en, refusal.zh) for refusal in catalogue()]
    return table(("code", "English", "中文"), rows)


def catalogue() -> list[Refusal]:
    """Return every refusal that has a code, in the catalogue's order."""
    files = sorted(CATALOGUE.glob("*.toml"))
    return [refusal for file in files for refusal in _walk(tomllib.loads(file.read_text(encoding="utf-8")))]


def _walk(tables: dict[str, Any]) -> Iterator[Refusal]:
    for name, value in tables.items():
        if not isinstance(value, dict):
            continue
        if _CODE.fullmatch(name) and isinstance(value.get("en"), str) and isinstance(value.get("zh"), str):
            yield Refusal(name, value["en"], value["zh"])
        else:
            yield from _walk(value)
