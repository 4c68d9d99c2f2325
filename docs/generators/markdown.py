"""Markdown from values: tables and code blocks. Pure."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table. Cells may have Markdown; pipes and line breaks are escaped."""
    lines = [_row(header), _row(["---"] * len(header)), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def code_block(text: str, language: str = "") -> str:
    """Return a fenced block; its fence is longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def fold_details(title: str, text: str) -> str:
    """Return a block that readers unfold, as pymdownx.details writes it."""
    indented = "\n".join(f"    {line}" if line else "" for line in text.splitlines())
    return f'??? example "{title}"\n\n{indented}'


def code(text: str) -> str:
    """Return an inline code span."""
    return f"`{text}`"


def sentence(text: str) -> str:
    """Return a phrase as a sentence: with a capital letter and a full stop."""
    stripped = " ".join(text.split()).rstrip(".")
    return f"{stripped[:1].upper()}{stripped[1:]}." if stripped else ""
