"""`like-ledger likes`: what became of the likes of a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import runtime
from ops.cli.replay import DefaultCampaign, FileFormat, LikesFile, PlatformName, ServiceUrl, build_target

if TYPE_CHECKING:
    from rich.console import Console

    from ops.replay.status_run import StatusReport

BAD_LINES_SHOWN = 20

app = typer.Typer(no_args_is_help=True, help="What became of likes, asked as their platform.")


@app.callback()
def likes() -> None:
    """Ask about likes, as their platform."""


@app.command()
def status(
    file: LikesFile,
    platform: PlatformName,
    campaign: DefaultCampaign,
    file_format: FileFormat = "ndjson",
    url: ServiceUrl = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The CSV file to write. Default: standard output.")
    ] = None,
    senders: Annotated[int, typer.Option(min=1, max=64, help="Requests in flight, of 1,000 likes each.")] = 4,
    tries: Annotated[int, typer.Option(min=1, max=100, help="Attempts to ask before giving up.")] = 12,
) -> None:
    """Write line, state, day, families, ruleset and receipt for each line of a file of likes, as CSV.

    A repeated line gets a row of its own. A like that this platform never delivered is `unknown`, a line that is not
    a like `invalid`. Set REPLAY_SECRET to the platform's secret; without it, the secret is derived from the keys and
    the database of this machine.
    """
    from rich.console import Console

    from ops.clock import utc_now
    from ops.replay.formats import Format, UnknownFormat
    from ops.replay.interrupt import run_interruptibly
    from ops.replay.output import open_output
    from ops.replay.run import ReplayJob
    from ops.replay.status_run import StatusReport, ask_file

    console, report = Console(stderr=True), StatusReport()
    job = ReplayJob(file, Format(file_format), campaign, 1, skips_bad_lines=True)
    target = build_target(platform, url, "likes/status", senders, None, tries)
    with runtime.exit_on_refusal():
        try:
            with open_output(out) as stream:
                is_done = run_interruptibly(ask_file(job, target, utc_now, console, stream, report))
                if not is_done:
                    _fail(console, "interrupted")
        except UnknownFormat as error:
            _fail(console, str(error))
    _show_bad_lines(console, report)


def _fail(console: "Console", reason: str) -> None:
    console.print(reason, style="red", markup=False, highlight=False)
    raise typer.Exit(1)


def _show_bad_lines(console: "Console", report: "StatusReport") -> None:
    """Name the lines that are not likes; ends the command with status 1 if there are any."""
    bad_lines = sorted(report.bad_lines)
    for bad in bad_lines[:BAD_LINES_SHOWN]:
        console.print(str(bad), style="red", markup=False, highlight=False)
    if len(bad_lines) > BAD_LINES_SHOWN:
        console.print(f"… and {len(bad_lines) - BAD_LINES_SHOWN:,} more lines that are not likes")
    if bad_lines:
        raise typer.Exit(1)
