"""Every `code` that a program can test for: problems over HTTP, and refusals of commands."""

from collections.abc import Sequence
from typing import NamedTuple

from docs.generators.markdown import code, table
from ops.http.core.problems import Problem
from ops.i18n.refusals import refusal_catalogue


class Refusal(NamedTuple):
    """A refusal's code and its sentence in both languages; values stand in braces."""

    code: str
    en: str
    zh: str


def problems() -> str:
    """Return a table of every problem: code, status and sentence, as a response has them."""
    rows = [(code(problem.code), str(problem.status.value), problem.detail) for problem in Problem]
    return table(("code", "status", "meaning"), rows)


def refusals() -> str:
    """Return a table of every refusal in the catalogue."""
    rows = [(code(refusal.code), refusal.en, refusal.zh) for refusal in catalogue()]
    return table(("code", "English", "中文"), rows)


def catalogue() -> Sequence[Refusal]:
    """Return every refusal in the order of codes.

    A kind of field with a sentence of its own has the code `kind.code`, such as `money.int_type`.
    """
    sentences = refusal_catalogue()
    return [Refusal(name, sentences[name]["en"], sentences[name]["zh"]) for name in sorted(sentences)]
