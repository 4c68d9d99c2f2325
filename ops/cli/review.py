"""`like-ledger review`: judge likes, and judge exported likes again without a database."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, runtime
from ops.cli.review_appeals import appeals, reject, uphold
from ops.cli.review_cases import cases, note, release, show, void
from ops.cli.review_run import run

if TYPE_CHECKING:
    from campaigns.authenticity.reproduce import Reproduction

app = typer.Typer(no_args_is_help=True, help="Likes that the rules hold.")

_HEAD_CHARS_MAX = 1_000


for _command in (run, cases, show, release, void, note, appeals, uphold, reject):
    app.command()(_command)


@app.command()
def reproduce(
    export: Annotated[Path, typer.Argument(dir_okay=False, help="The CSV file that `review export` wrote.")],
    rules: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The ruleset (TOML). Default: the one that ships.")
    ] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Judge an export again without a database: print the same digest, or the first row that differs.

    Status 1 if a row or the digest differs.
    """
    with runtime.exit_on_refusal():
        result = _reproduce(export, rules)
    if as_json:
        printing.show_json(_result_json(result))
    else:
        typer.echo(f"{result.rows:,} observations of {result.likes:,} likes; the rules hold {result.likes_held:,}")
        typer.echo(f"digest {result.digest}")
        if not result.is_same:
            typer.echo(_describe_difference(result), err=True)
    if not result.is_same:
        raise typer.Exit(1)


def _reproduce(export: Path, rules: Path | None) -> "Reproduction":
    from rich.console import Console

    from campaigns.authenticity import reproduce as work
    from campaigns.authenticity.export import read_head, read_rows
    from ops.cli.rules import read_ruleset
    from ops.replay.progress import read_progress, spinner

    ruleset, console = read_ruleset(rules), Console(stderr=True)
    with export.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        head = read_head(stream.readline(_HEAD_CHARS_MAX))
        with read_progress(console) as bars:
            task = bars.add_task("read", total=export.stat().st_size)

            def lines() -> Iterator[str]:
                for line in stream:
                    bars.advance(task, len(line))
                    yield line

            rows = list(read_rows(lines()))
    with spinner(console, "judge"):
        return work.reproduce(head, rows, ruleset)


def _describe_difference(result: "Reproduction") -> str:
    if result.difference is None:
        return "Every row agrees, but the digest in the first line is another: the line was changed."
    line, exported, judged = result.difference
    return f"Line {line} differs: the export says {_say(exported)}, the rules say {_say(judged)}."


def _say(decision: tuple[str, str, str]) -> str:
    return " ".join(filter(None, decision)) or "not held"


def _result_json(result: "Reproduction") -> dict[str, object]:
    difference = result.difference
    return {
        "same": result.is_same,
        "digest": result.digest,
        "observations": result.rows,
        "likes": result.likes,
        "likes_held": result.likes_held,
        "difference": difference
        and {
            "line": difference.line,
            **{
                name: dict(zip(("state", "families", "rules"), decision, strict=True))
                for name, decision in (("exported", difference.exported), ("judged", difference.judged))
            },
        },
    }
