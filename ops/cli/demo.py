"""`like-ledger demo`: the whole way of a like on this machine, by simulated people, checked by their own count."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import runtime
from ops.cli.runtime import AsJson

if TYPE_CHECKING:
    from rich.console import Console

    from ops.demo.run import Shown
    from ops.settings import Settings

LIKES = 150_000


def demo(
    ends: Annotated[
        bool, typer.Option("--exit", help="End once the totals were checked; status 1 if wrong.")
    ] = False,
    likes: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many likes and unlikes are sent.")] = LIKES,
    as_json: AsJson = False,
) -> None:
    """Start the service on an embedded PostgreSQL, send it simulated likes, check the public totals, serve on.

    Everything lies in the data folder (LIKE_LEDGER_DATA_DIR, ./data); started again, the campaign goes on.
    """
    from rich.console import Console

    settings = runtime.settings()
    console = Console(stderr=True)
    if settings.database_url is not None:
        console.print("The demonstration has a database of its own: unset LIKE_LEDGER_DATABASE_URL.")
        raise typer.Exit(2)
    if not _run(settings, likes, console, ends=ends, as_json=as_json):
        raise typer.Exit(1)


def _run(settings: "Settings", likes: int, console: "Console", *, ends: bool, as_json: bool) -> bool:
    """Return whether the totals were right; an end by Ctrl-C or SIGTERM after that is an orderly one."""
    from ops.replay.interrupt import ran_to_its_end

    verdicts: list[bool] = []
    with runtime.refusals():
        ran_to_its_end(_serve(settings, likes, console, verdicts, ends=ends, as_json=as_json))
    if not verdicts:
        console.print("Interrupted before the totals were checked.")
    return verdicts == [True]


async def _serve(
    settings: "Settings", likes: int, console: "Console", verdicts: list[bool], *, ends: bool, as_json: bool
) -> None:
    import asyncio

    from ops import app, database, keys
    from ops.demo.run import demonstrate
    from ops.migrate import migrate
    from ops.replay.progress import waiting

    _log_problems_only()
    async with database.database(settings, role="serve") as dsn:
        with waiting(console, "preparing the database"):
            await migrate(dsn)
        async with app.running(settings, keys.load_to_serve(settings), dsn) as service, app.served(service) as url:
            shown = await demonstrate(service, url, likes, console)
            verdicts.append(shown.holds)
            _tell(shown, f"{url}/campaigns/{shown.campaign}", as_json=as_json)
            if not ends:
                console.print("Serving until Ctrl-C.")
                await asyncio.Event().wait()


def _log_problems_only() -> None:
    import logging

    from ops import logs

    logs.set_up("text")
    logging.getLogger().setLevel(logging.WARNING)


def _tell(shown: "Shown", page: str, *, as_json: bool) -> None:
    if as_json:
        told = {"holds": shown.holds, "campaign": shown.campaign, "likes": shown.likes, "webhooks": shown.webhooks}
        runtime.show_json(
            {
                **told,
                "page": page,
                "figures": [figure.shown() for figure in shown.figures],
                "receipts": shown.receipts,
            }
        )
        return
    title = (
        f"{shown.likes:,} likes and unlikes in {shown.webhooks:,} webhooks, {shown.webhooks_again:,} of them again"
    )
    rows = [(f.name, f.written(f.expected), f.written(f.found), "✓" if f.holds else "WRONG") for f in shown.figures]
    runtime.show_table(("figure", "expected #", "the public reads #", ""), rows, title)
    verdict = "Every figure is right." if shown.holds else "The public totals are WRONG."
    typer.echo(f"{verdict}\nThe campaign's page: {page}")
    for state, receipt in dict(reversed(shown.receipts)).items():
        typer.echo(f"The receipt of a payout that is {state}: {receipt}")
