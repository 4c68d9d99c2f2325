"""`like-ledger`: every command; each has `--help`, and exit status 0 done, 1 refused, 2 wrong usage."""

from typing import Annotated

import typer

from ops import __version__
from ops.cli.audit import app as audit
from ops.cli.campaign import app as campaign
from ops.cli.charity import app as charity
from ops.cli.demo import demo
from ops.cli.likes import app as likes
from ops.cli.log import app as log
from ops.cli.maintenance import check, doctor, migrate
from ops.cli.payouts import app as payouts
from ops.cli.person import app as person
from ops.cli.platform import app as platform
from ops.cli.replay import replay
from ops.cli.review import app as review
from ops.cli.rules import app as rules
from ops.cli.serve import serve
from ops.cli.settle import settle
from ops.cli.sponsor import app as sponsor
from ops.cli.token import app as token
from ops.cli.verify import verify, verify_receipt

app = typer.Typer(
    name="like-ledger",
    help="A public ledger that turns likes into exact, settled and provable gifts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(platform, name="platform")
app.add_typer(campaign, name="campaign")
app.add_typer(charity, name="charity")
app.add_typer(sponsor, name="sponsor")
app.add_typer(likes, name="likes")
app.add_typer(log, name="log")
app.add_typer(person, name="person")
app.add_typer(payouts, name="payouts")
app.add_typer(token, name="token")
app.add_typer(audit, name="audit")
app.add_typer(rules, name="rules")
app.add_typer(review, name="review")
for command in (serve, demo, replay, settle, migrate, check, doctor, verify, verify_receipt):
    app.command()(command)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"like-ledger {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options of every command."""


def main() -> None:
    """Run the command line."""
    app()
