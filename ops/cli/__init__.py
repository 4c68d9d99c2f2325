"""`like-ledger`: every command; each has `--help`, and exit status 0 done, 1 refused, 2 wrong usage."""

import typer

from ops.cli import campaign, demo, maintenance, platform, replay, serve

app = typer.Typer(
    name="like-ledger",
    help="A public ledger that turns likes into exact, settled and provable gifts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(platform.app, name="platform")
app.add_typer(campaign.app, name="campaign")
app.command()(serve.serve)
app.command()(demo.demo)
app.command()(replay.replay)
app.command()(maintenance.migrate)
app.command()(maintenance.check)
app.command()(maintenance.doctor)


def main() -> None:
    """Run the command line."""
    app()
