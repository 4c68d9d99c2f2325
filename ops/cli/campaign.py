"""`like-ledger campaign`: promises made, changed, funded, shown and closed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import campaign_view, shared
from ops.cli.campaign_preview import preview

if TYPE_CHECKING:
    from campaigns.budget import Closing, Funding
    from campaigns.catalogue import Campaign
    from campaigns.promising import Plan
    from sql import Connection

app = typer.Typer(no_args_is_help=True, help="Campaigns: what was promised for each like, and its budget.")
app.command()(preview)

Slug = Annotated[str, typer.Argument(help="The campaign's slug.")]


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The promise, in TOML.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the difference and stop there.")] = False,
    as_json: shared.AsJson = False,
) -> None:
    """Make a campaign of a promise, or give it new terms from the next campaign day; the difference comes first."""
    plan = shared.run(_apply(file, is_asked_only=dry_run, is_quiet=as_json))
    if as_json:
        shared.show_json(campaign_view.plan_shown(plan, is_done=not dry_run))
    else:
        typer.echo(campaign_view.plan_sentence(plan, is_done=not dry_run))


async def _apply(file: Path, *, is_asked_only: bool, is_quiet: bool) -> "Plan":
    from campaigns import catalogue, promising
    from ops.clock import utc_now

    promise = shared.read_promise(file)
    async with shared.opened() as own, own.pool.acquire() as conn:
        existing = (await catalogue.load(conn, own.keys.pseudonym)).campaigns.get(promise.campaign.slug)
        plan = promising.plan(existing, promise, utc_now())
        if not is_quiet:
            campaign_view.show_changes(plan.changes)
        if is_asked_only:
            return plan
        async with conn.transaction():
            return (await promising.apply(conn, promise, utc_now(), pseudonym_key=own.keys.pseudonym)).plan


@app.command()
def show(slug: Slug, as_json: shared.AsJson = False) -> None:
    """Show a campaign: its promise, its terms and how it stands."""
    shared.run(_show(slug, as_json=as_json))


async def _show(slug: str, *, as_json: bool) -> None:
    from campaigns.refusals import NotFound

    for standing in await campaign_view.standings():
        if standing.slug == slug:
            campaign_view.show(standing, as_json=as_json)
            return
    raise NotFound(f"there is no campaign {slug!r}")


@app.command("list")
def list_campaigns(as_json: shared.AsJson = False) -> None:
    """List every campaign and how it stands."""
    shared.run(_list(as_json=as_json))


async def _list(*, as_json: bool) -> None:
    campaign_view.show_all(await campaign_view.standings(), as_json=as_json)


@app.command()
def fund(
    slug: Slug,
    amount_minor: Annotated[int, typer.Argument(min=1, help="Minor units: 700000 is 7000.00 CNY.")],
    reference: Annotated[str, typer.Option(help="Names this funding, such as the bank's; public in the log.")],
    as_json: shared.AsJson = False,
) -> None:
    """Take the sponsor's money into a campaign's budget; the same reference again changes nothing."""
    campaign, done = shared.run(_fund(slug, amount_minor, reference))
    if as_json:
        shared.show_json(campaign_view.funding_shown(campaign, amount_minor, done))
    else:
        typer.echo(campaign_view.funding_sentence(campaign, amount_minor, done))


async def _fund(slug: str, amount_minor: int, reference: str) -> "tuple[Campaign, Funding]":
    from campaigns import budget

    async with shared.opened() as own, own.pool.acquire() as conn:
        campaign = await _find(conn, slug, own.keys.pseudonym)
        async with conn.transaction():
            return campaign, await budget.fund(conn, campaign, amount_minor, reference)


async def _find(conn: "Connection", slug: str, pseudonym_key: bytes) -> "Campaign":
    from campaigns import catalogue
    from campaigns.refusals import NotFound

    found = (await catalogue.load(conn, pseudonym_key)).campaigns.get(slug)
    if found is None:
        raise NotFound(f"there is no campaign {slug!r}")
    return found


@app.command()
def close(
    slug: Slug,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: shared.AsJson = False,
) -> None:
    """Close a campaign for ever: top up to its floor, give the rest of the budget back to the sponsor."""
    if not yes:
        question = f"Close {slug} for ever? It takes no like more, and what is left of its budget goes back."
        typer.confirm(question, abort=True, err=True)
    campaign, done = shared.run(_close(slug))
    if as_json:
        shared.show_json(campaign_view.closing_shown(campaign, done))
    else:
        typer.echo(campaign_view.closing_sentence(campaign, done))


async def _close(slug: str) -> "tuple[Campaign, Closing]":
    from campaigns import budget
    from ops.clock import utc_now

    async with shared.opened() as own, own.pool.acquire() as conn:
        campaign = await _find(conn, slug, own.keys.pseudonym)
        async with conn.transaction():
            return campaign, await budget.close(conn, campaign, utc_now())


@app.command()
def enrol(
    slug: Slug,
    contents: Annotated[list[str] | None, typer.Argument(metavar="CONTENT", help="What counts for it.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, readable=True, help="More, one a line.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the content out instead.")] = False,
    as_json: shared.AsJson = False,
) -> None:
    """Enrol content in a campaign, all of it or none: each belongs to at most one campaign at a time."""
    if not contents and file is None:
        raise typer.BadParameter("name some content, or a --file of it", param_hint="CONTENT")
    changed, asked = shared.run(_enrol(slug, contents or [], file, removes=remove))
    if as_json:
        shared.show_json({"campaign": slug, "contents": asked, "removed" if remove else "enrolled": changed})
    else:
        typer.echo(f"{slug}: {changed} {'removed' if remove else 'enrolled'}, {asked - changed} unchanged")


async def _enrol(slug: str, contents: list[str], file: Path | None, *, removes: bool) -> tuple[int, int]:
    from campaigns import enrolment

    wanted = {*contents, *(_lines(file) if file else ())}
    async with shared.opened() as own, own.pool.acquire() as conn:
        campaign = await _find(conn, slug, own.keys.pseudonym)
        async with conn.transaction():
            do = enrolment.remove if removes else enrolment.enrol
            return await do(conn, campaign, wanted), len(wanted)


def _lines(file: Path) -> list[str]:
    from campaigns.refusals import EnrolmentRefused

    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise EnrolmentRefused(f"{file.name} is not UTF-8") from None
    return [line for line in map(str.strip, text.split("\n")) if line]
