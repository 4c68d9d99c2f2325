"""`like-ledger demo`: the whole flow on this machine, from simulated likes to payouts, with its totals checked."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, runtime
from ops.cli.runtime import AsJson

if TYPE_CHECKING:
    from rich.console import Console

    from ops.demo.run import DemoResult
    from ops.settings import Settings

LIKES_DEFAULT = 150_000


def demo(
    exits_after_check: Annotated[
        bool, typer.Option("--exit", help="End after the totals are checked; status 1 if one is wrong.")
    ] = False,
    likes: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="Number of likes and unlikes to send.")
    ] = LIKES_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Start the service on an embedded PostgreSQL, send simulated likes, check the public totals, keep serving.

    All data lie in LIKE_LEDGER_DATA_DIR (./data). Run again, the demonstration continues its campaign.
    """
    from rich.console import Console

    from ops.demo.bank import require_bank

    settings = runtime.read_settings()
    console = Console(stderr=True)
    if settings.database_url is not None:
        console.print("The demonstration uses its embedded database: unset LIKE_LEDGER_DATABASE_URL.")
        raise typer.Exit(2)
    with runtime.exit_on_refusal():
        require_bank()
    if not _run(settings, likes, console, exits_after_check=exits_after_check, as_json=as_json):
        raise typer.Exit(1)


def _run(settings: "Settings", likes: int, console: "Console", *, exits_after_check: bool, as_json: bool) -> bool:
    """Return whether the totals were right. Ctrl-C or SIGTERM after the check is a normal end."""
    from ops.replay.interrupt import run_interruptibly

    verdicts: list[bool] = []
    with runtime.exit_on_refusal():
        run_interruptibly(
            _serve(settings, likes, console, verdicts, exits_after_check=exits_after_check, as_json=as_json)
        )
    if not verdicts:
        console.print("Interrupted before the totals were checked.")
    return verdicts == [True]


async def _serve(
    settings: "Settings",
    likes: int,
    console: "Console",
    verdicts: list[bool],
    *,
    exits_after_check: bool,
    as_json: bool,
) -> None:
    import asyncio

    from ops import app, database, keys
    from ops.demo.run import run_demo
    from ops.migrate import migrate
    from ops.replay.progress import spinner

    _log_warnings_only()
    async with database.open_database(settings, role="serve") as dsn:
        with spinner(console, "preparing the database"):
            await migrate(dsn)
        async with (
            app.run_service(settings, keys.load_serving_keys(settings), dsn) as service,
            app.serve_metrics(service, settings.metrics_port or 0) as metrics_url,
            app.serve_http(service) as url,
        ):
            result = await run_demo(service, url, likes, console)
            verdicts.append(result.holds)
            _print_result(result, url, as_json=as_json)
            if not exits_after_check:
                console.print(f"Metrics for Prometheus: {metrics_url}\nServing until Ctrl-C.")
                await asyncio.Event().wait()


def _log_warnings_only() -> None:
    import logging

    from ops import logs

    logs.configure_logs("text")
    logging.getLogger().setLevel(logging.WARNING)


def _print_result(result: "DemoResult", url: str, *, as_json: bool) -> None:
    addresses = {
        "page": f"{url}/campaigns/{result.campaign}",
        "administration": f"{url}/admin",
        "review": f"{url}/admin/review",
        "documentation": f"{url}/docs",
        "like_receipt": f"{url}/verify?receipt={result.like_receipt}",
    }
    if as_json:
        printing.show_json(
            {
                "holds": result.holds,
                "campaign": result.campaign,
                "likes": result.likes,
                "webhooks": result.webhooks,
                **addresses,
                "owner_token": result.owner_token,
                "figures": [figure.to_json() for figure in result.figures],
                "authenticity": [decided._asdict() for decided in result.decided],
                "receipts": result.receipts,
            }
        )
        return
    title = (
        f"{result.likes:,} likes and unlikes in {result.webhooks:,} webhooks,"
        f" {result.webhooks_repeated:,} of them repeated"
    )
    rows = [
        (f.name, f.format_number(f.expected), f.format_number(f.actual), "✓" if f.holds else "WRONG")
        for f in result.figures
    ]
    printing.show_table(("figure", "expected #", "published #", ""), rows, title)
    decided = [(d.kind, f"{d.sent:,}", f"{d.stopped:,}") for d in result.decided]
    printing.show_table(("likes", "sent #", "held #"), decided, "What the rules held of them")
    verdict = "Every figure is right." if result.holds else "The public totals are WRONG."
    typer.echo(f"{verdict}\nThe campaign's page: {addresses['page']}")
    for state, receipt in dict(reversed(result.receipts)).items():
        typer.echo(f"Receipt of a payout in state {state}: {receipt}")
    typer.echo(f"Receipt of a like, which your browser verifies: {addresses['like_receipt']}")
    typer.echo(f"The whole log, verified from outside: like-ledger verify {url}")
    typer.echo(f"Cases that wait for a reviewer: {addresses['review']}")
    typer.echo(
        f"The administration: {addresses['administration']}\n  an owner's token for a day: {result.owner_token}"
    )
