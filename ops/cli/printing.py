"""Print the result of a command as JSON or as a table."""

import json
import re
from collections.abc import Sequence
from typing import Any

import typer

_PLAIN_WIDTH = 160  # columns of a table that is not printed to a terminal
# A cell may hold a stranger's words: no control may reach the terminal, nor turn the text beside it.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def show_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None, *, to_stderr: bool = False
) -> None:
    """Print rows as a table; nothing is cut off. Columns whose names end in ` #` are figures, right-aligned."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=to_stderr)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    table = Table(title=title, title_justify="left")
    for column in columns:
        is_figure = column.endswith(" #")
        table.add_column(column.removesuffix(" #"), justify="right" if is_figure else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_UNPRINTABLE.sub("�", cell)) for cell in row))
    console.print(table)
