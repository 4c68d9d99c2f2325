"""`like-ledger campaign`: apply a promise, show, fund and close campaigns. Contents: `content`."""

import sys
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import campaign_output, content, printing, runtime
from ops.cli.campaign_preview import preview

if TYPE_CHECKING:
    from campaigns.catalogue.apply_promise import Plan
    from campaigns.catalogue.cache import Campaign
    from campaigns.pledging.budget import Closing, Funding
    from campaigns.promise.model import Promise

app = typer.Typer(no_args_is_help=True, help="Campaigns: the promise for each like, and its budget.")
app.command()(preview)

Slug = Annotated[str, typer.Argument(help="The campaign's slug.")]


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The promise, in TOML.")],
    from_day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The campaign day from which new terms are in force. Default: the earliest possible.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the difference and stop there.")] = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Create a campaign from a promise, or give it new terms. Prints the difference first."""
    day = from_day.date() if from_day else None
    plan = runtime.run_to_end(_apply(file, day, is_dry_run=dry_run, is_quiet=as_json))
    if as_json:
        printing.show_json(campaign_output.plan_json(plan, is_done=not dry_run))
    else:
        typer.echo(campaign_output.plan_sentence(plan, is_done=not dry_run))


async def _apply(file: Path, from_day: date | None, *, is_dry_run: bool, is_quiet: bool) -> "Plan":
    from campaigns.catalogue import apply_promise, cache, charities
    from ops.clock import utc_now

    promise = runtime.read_promise(file)
    async with runtime.open_session() as session:
        async with session.pool.acquire() as conn:
            existing = (await cache.read_campaigns(conn, session.keys.pseudonym)).get(promise.campaign.slug)
            terms = await charities.complete_accounts(conn, promise.terms)
        promise = promise.model_copy(update={"terms": terms})
        plan = apply_promise.plan_promise(existing, promise, utc_now(), from_day)
        if not is_quiet:
            campaign_output.show_changes(plan.changes)
        return plan if is_dry_run else await _execute_plan(session, plan, promise, from_day)


async def _execute_plan(session: runtime.Session, plan: "Plan", promise: "Promise", from_day: date | None) -> "Plan":
    """Execute a plan and return it with the version and day that were stored."""
    from campaigns.catalogue.apply_promise import PromiseAction

    if plan.action is PromiseAction.NOTHING:
        return plan
    if plan.action is PromiseAction.CREATE:
        response = await session.execute("campaign.create", "", promise.model_dump())
    else:
        body = {"terms": promise.terms.model_dump(), "based_on": plan.version - 1, "from_day": from_day}
        response = await session.execute("campaign.terms", promise.campaign.slug, body)
    day = date.fromisoformat(response["details"]["from_day"])
    return replace(plan, version=response["details"]["terms_version"], from_day=day)


@app.command()
def show(slug: Slug, as_json: runtime.AsJson = False) -> None:
    """Show a campaign: its promise, terms and totals."""
    runtime.run_to_end(_show(slug, as_json=as_json))


async def _show(slug: str, *, as_json: bool) -> None:
    from campaigns.errors import NotFound

    for snapshot in await campaign_output.read_all_snapshots():
        if snapshot.slug == slug:
            campaign_output.show_campaign(snapshot, as_json=as_json)
            return
    raise NotFound("campaign_not_found", slug=slug)


@app.command("list")
def list_campaigns(as_json: runtime.AsJson = False) -> None:
    """List every campaign with its totals."""
    runtime.run_to_end(_list(as_json=as_json))


async def _list(*, as_json: bool) -> None:
    campaign_output.show_campaigns(await campaign_output.read_all_snapshots(), as_json=as_json)


@app.command()
def fund(
    slug: Slug,
    amount_minor: Annotated[int, typer.Argument(min=1, help="Minor units: 700000 is 7000.00 CNY.")],
    reference: Annotated[
        str, typer.Option(help="The reference of this funding, such as the bank's; public in the log.")
    ],
    as_json: runtime.AsJson = False,
) -> None:
    """Fund a campaign's budget with the sponsor's money. The same reference again changes nothing."""
    campaign, funding = runtime.run_to_end(_fund(slug, amount_minor, reference))
    if as_json:
        printing.show_json(campaign_output.funding_json(campaign, amount_minor, funding))
    else:
        typer.echo(campaign_output.funding_sentence(campaign, amount_minor, funding))


async def _fund(slug: str, amount_minor: int, reference: str) -> "tuple[Campaign, Funding]":
    from campaigns.pledging.budget import Funding

    async with runtime.open_session() as session:
        campaign = await _find_campaign(session, slug)
        body = {"amount_minor": amount_minor, "reference": reference}
        response = await session.execute("campaign.fund", slug, body)
    return campaign, Funding(response["state"] == "done", response["details"]["pledged_minor"])


async def _find_campaign(session: runtime.Session, slug: str) -> "Campaign":
    from campaigns.catalogue import cache
    from campaigns.errors import NotFound

    async with session.pool.acquire() as conn:
        campaign = (await cache.read_campaigns(conn, session.keys.pseudonym)).get(slug)
    if campaign is None:
        raise NotFound("campaign_not_found", slug=slug)
    return campaign


@app.command()
def close(
    slug: Slug,
    reason: Annotated[
        str | None, typer.Option(help="The reason, public in the log. Default: a prompt asks for it.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Close without confirmation.")] = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Close a campaign for good: top up to its floor, return the rest of the budget to the sponsor."""
    close_reason = reason if reason is not None or not sys.stdin.isatty() else _prompt_reason()
    if not yes:
        question = (
            f"Close {slug} for good? It accepts no more likes, and the rest of its budget returns to the sponsor."
        )
        typer.confirm(question, abort=True, err=True)
    campaign, closing = runtime.run_to_end(_close(slug, close_reason))
    if as_json:
        printing.show_json(campaign_output.closing_json(campaign, closing))
    else:
        typer.echo(campaign_output.closing_sentence(campaign, closing))


def _prompt_reason() -> str:
    return str(typer.prompt("Reason, for the public log", err=True))


def _default_reason(campaign: "Campaign") -> str:
    """Return the reason to close an ended campaign. Closing a running one without a reason is wrong usage."""
    from ops.clock import utc_now

    if campaign.calendar.ends_at > utc_now():
        raise typer.BadParameter(
            "the campaign still runs: give a reason for the public log with --reason TEXT", param_hint="--reason"
        )
    return "its period has ended"


async def _close(slug: str, reason: str | None) -> "tuple[Campaign, Closing]":
    from campaigns.pledging.budget import Closing

    async with runtime.open_session() as session:
        campaign = await _find_campaign(session, slug)
        body = {"reason": _default_reason(campaign) if reason is None else reason}
        response = await session.execute("campaign.close", slug, body)
    after = response["after"] or {}
    amounts = (after.get(name, 0) for name in ("pledged_at_last_minor", "topped_up_minor", "returned_minor"))
    return campaign, Closing(response["state"] == "done", datetime.fromisoformat(after["closed_at"]), *amounts)


content.add_commands(app)
