"""`like-ledger replay`: send a file of likes as signed webhooks to a running service."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from ops.cli import printing, runtime
from ops.cli.runtime import AsJson

if TYPE_CHECKING:
    from rich.console import Console

    from ops.replay.run import ReplayJob, ReplayReport, ReplayTarget

LikesFile: TypeAlias = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The file of likes.")
]
PlatformName: TypeAlias = Annotated[str, typer.Option(help="The platform that sends the likes.")]
DefaultCampaign: TypeAlias = Annotated[str, typer.Option(help="The campaign of every like that does not name one.")]
FileFormat: TypeAlias = Annotated[
    Literal["ndjson", "kuairand"], typer.Option("--format", help="The format of the file.")
]
ServiceUrl: TypeAlias = Annotated[
    str | None, typer.Option(help="The service; default LIKE_LEDGER_HOST and _PORT, or http://127.0.0.1:8080.")
]
ResultsFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False, help="Write line, delivery, index, outcome and receipt of each like to this file (NDJSON)."
    ),
]


def replay(
    file: LikesFile,
    platform: PlatformName,
    campaign: DefaultCampaign,
    file_format: FileFormat = "ndjson",
    url: ServiceUrl = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Likes per webhook.")] = 500,
    senders: Annotated[
        int, typer.Option(min=1, max=64, help="Webhooks in flight; 1 keeps the order of the file.")
    ] = 4,
    rate: Annotated[int | None, typer.Option(min=1, help="Maximum likes per second.")] = None,
    on_error: Annotated[
        Literal["stop", "skip"],
        typer.Option(help="At a line that is not a like: stop before it, or skip it."),
    ] = "stop",
    tries: Annotated[int, typer.Option(min=1, max=100, help="Attempts to send a webhook before giving up.")] = 12,
    label: Annotated[
        str, typer.Option(help="Part of the webhook ids: with another label the file is sent as new webhooks.")
    ] = "",
    results: ResultsFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check the whole file; send nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a file of likes as signed webhooks and print the outcomes.

    A webhook's id follows from the file's content, the batch size and the position in the file. So an interrupted
    run can be started again: the service recognises the webhooks that it has. It repeats its first response: a run
    that was started without --results gets no receipts later, unless --label names another run. Set REPLAY_SECRET to
    the platform's secret; without it, the secret is derived from the keys and the database of this machine.
    """
    from rich.console import Console

    from ops.replay.formats import Format
    from ops.replay.run import ReplayJob, check_file, new_report

    console = Console(stderr=True)
    job = ReplayJob(file, Format(file_format), campaign, batch, on_error == "skip" or dry_run, label)
    report = new_report(job)
    if dry_run:
        check_file(job, console, report)
    else:
        address = "likes?results=all" if results else "likes"
        _send(job, build_target(platform, url, address, senders, rate, tries), console, report, results)
    _print_report(report, console, as_json=as_json)
    if not report.is_complete:
        raise typer.Exit(1)


def build_target(
    platform: str, url: str | None, path: str, senders: int, rate: int | None, tries: int
) -> "ReplayTarget":
    """Return the address and the secret of a platform's requests; ends the command if there is none."""
    from urllib.parse import quote, urlsplit

    from ops.replay.run import ReplayTarget
    from ops.replay.secret import SECRET_VARIABLE, derive_platform_secret, parse_secret

    settings = runtime.read_settings()
    service = (url or f"http://{settings.host}:{settings.port}").rstrip("/")
    if urlsplit(service).scheme not in ("http", "https") or not urlsplit(service).hostname:
        raise typer.BadParameter(
            "give the address with its scheme, such as http://127.0.0.1:8080", param_hint="--url"
        )
    encoded_secret = os.environ.get(SECRET_VARIABLE)
    with runtime.exit_on_refusal():
        secret = (
            parse_secret(encoded_secret)
            if encoded_secret
            else runtime.run_to_end(derive_platform_secret(settings, platform))
        )
    return ReplayTarget(f"{service}/v1/platforms/{quote(platform, safe='')}/{path}", secret, senders, rate, tries)


def _send(
    job: "ReplayJob", target: "ReplayTarget", console: "Console", report: "ReplayReport", results: Path | None
) -> None:
    from ops.clock import utc_now
    from ops.replay.interrupt import run_interruptibly
    from ops.replay.output import open_output
    from ops.replay.results import write_results
    from ops.replay.run import send_file

    with runtime.exit_on_refusal():
        if results is None:
            is_done = run_interruptibly(send_file(job, target, utc_now, console, report))
        else:
            with open_output(results) as stream, write_results(stream) as on_answer:
                is_done = run_interruptibly(send_file(job, target, utc_now, console, report, on_answer))
        if not is_done:
            report.failure = "interrupted"


def _print_report(report: "ReplayReport", console: "Console", *, as_json: bool) -> None:
    if as_json:
        printing.show_json(report.to_json())
    else:
        _show_outcomes(report)
    for bad in report.read_tally.first_bad:
        console.print(str(bad), style="red", markup=False, highlight=False)
    hidden = report.read_tally.bad_lines - len(report.read_tally.first_bad)
    if hidden:
        console.print(f"… and {hidden:,} more lines that are not likes")
    if report.failure is not None:
        console.print(report.failure, style="red", markup=False, highlight=False)
    if not report.is_complete:
        console.print(_progress_sentence(report), markup=False, highlight=False)


def _progress_sentence(report: "ReplayReport") -> str:
    if report.failure is None and report.read_tally.skips_bad_lines:
        return f"Every other line was sent: {report.delivery_tally.likes:,} likes."
    if not report.delivery_tally.through_line:
        return "Nothing was acknowledged. Fix the problem above and start again; no like counts twice."
    through = f"Acknowledged up to line {report.delivery_tally.through_line:,}"
    return f"{through}. Fix the problem above and start again; no like counts twice."


def _show_outcomes(report: "ReplayReport") -> None:
    rows = [(outcome, f"{likes:,}") for outcome, likes in report.delivery_tally.outcomes.most_common()]
    rows.append(("total", f"{report.delivery_tally.likes:,}"))
    printing.show_table(("outcome", "likes #"), rows, f"{report.delivery_tally.deliveries:,} webhooks")
